// tests/support/temp_dir.hpp: an empty directory of one's own that is gone with the object.  SPDX-License-Identifier: MIT
#pragma once
#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace lutra_test {

class TempDir {
public:
    TempDir() {
        static std::atomic<unsigned> count{0};
        const auto now = std::chrono::system_clock::now().time_since_epoch().count();
        do {
            path_ = std::filesystem::temp_directory_path() /
                    ("lutra-test-" + std::to_string(now) + "-" + std::to_string(count.fetch_add(1)));
        } while (!std::filesystem::create_directory(path_));  // false: somebody has this name
    }
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    const std::filesystem::path& path() const { return path_; }
    /// The path of a file in it, made or not.
    std::string file(std::string_view name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

}  // namespace lutra_test
