// lutra/io/folder.hpp: lists the names in a folder.  SPDX-License-Identifier: MIT
//
// LUTRA_HAS_POSIX is set by the library. Where it is 1 folders are read without std::filesystem::directory_iterator: in libstdc++
// 12 its constructor ends the process where memory runs out.
#pragma once
#include <lutra/core/config.hpp>
#if defined(LUTRA_NO_FILES)
#error "lutra: LUTRA_NO_FILES leaves out this header, which is about files (core/config.hpp)"
#endif

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#if !defined(LUTRA_HAS_POSIX)
#if defined(__unix__) || defined(__APPLE__)
#define LUTRA_HAS_POSIX 1
#else
#define LUTRA_HAS_POSIX 0
#endif
#endif
#if LUTRA_HAS_POSIX
#include <dirent.h>
#endif

namespace lutra::inline LUTRA_ABI_TAG::detail {

#if LUTRA_HAS_POSIX
struct CloseFolder {
    void operator()(::DIR* folder) const { ::closedir(folder); }
};

/// Calls f(name) for every entry of a folder ("": the current one), in no order; an error if the folder cannot be read.
template <class F>
std::error_code for_each_name(const std::filesystem::path& folder, F&& f) {
    const std::unique_ptr<::DIR, CloseFolder> open(::opendir(folder.empty() ? "." : folder.c_str()));
    while (open != nullptr) {
        errno = 0;
        const ::dirent* entry = ::readdir(open.get());
        if (entry == nullptr) break;
        if (const std::string_view name = entry->d_name; name != "." && name != "..") f(name);
    }
    return {errno, std::generic_category()};
}
#else
template <class F>
std::error_code for_each_name(const std::filesystem::path& folder, F&& f) {
    std::error_code error;
    std::filesystem::directory_iterator entry(folder.empty() ? "." : folder, error);
    for (; !error && entry != std::filesystem::directory_iterator{}; entry.increment(error))
        f(std::string_view(entry->path().filename().string()));
    return error;
}
#endif

}  // namespace lutra::inline LUTRA_ABI_TAG::detail
