// A program of several levels of the instruction set: sorts, throws, and has a constructor that runs before main(). What each level
// prints must not depend on it, but for its name.  SPDX-License-Identifier: MIT
#include <lutra/simd/arch.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

std::vector<std::pair<float, std::int64_t>> sorted() {
    std::vector<std::pair<float, std::int64_t>> values;
    for (std::int64_t i = 0; i < 100; ++i) values.push_back({float((i * 37) % 101), i});
    std::sort(values.begin(), values.end());
    return values;
}

const std::vector<std::pair<float, std::int64_t>> before_main = sorted();
const std::string name = std::string(lutra::isa_name()) + " before main()";

}  // namespace

int main() {
    std::string thrown;
    try {
        throw std::runtime_error("caught");
    } catch (const std::exception& e) {
        thrown = e.what();
    }
    std::printf("%s: %s, %s\n", name.c_str(), before_main == sorted() ? "sorted" : "not sorted", thrown.c_str());
    return before_main == sorted() && before_main[1].first == 1 ? 0 : 1;
}
