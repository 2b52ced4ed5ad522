// An index in flash, searched where it lies and without a heap, on a Cortex-M4F: prints the nearest rows of some queries over
// semihosting, and the RAM that took. README.md beside this file says how to build and run it.  SPDX-License-Identifier: MIT
#include <lutra/search.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

extern "C" {
// flash.S: an index file, and queries [n, d] as .fvecs: before each row its d.
extern const std::byte index_begin[], index_end[], queries_begin[];
extern char end[], stack_top[];  // mps2.ld: RAM behind all variables, and where it ends
}

namespace {
using Index = lutra::Refine<lutra::Ivf<lutra::FlatCoarse, lutra::Pq4FastScan>>;  // IVF{n},PQ{M}x4fs,RFlat
constexpr std::size_t kDim = 256, kQueries = 10, kNearest = 5;
constexpr char kUnused = 0x5a;

std::byte g_room[160 * 1024];                  // what cannot be used in place: mostly centroids and codebooks
alignas(64) std::byte g_workspace[32 * 1024];  // of searches

// Semihosting: the debugger, or qemu, does what r0 says with what r1 points to.
std::intptr_t ask_host(std::intptr_t what, const void* with) {
    register std::intptr_t r0 asm("r0") = what;
    register const void* r1 asm("r1") = with;
    asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}
void print(const char* text) { ask_host(4, text); }
void print(std::uint32_t number) {
    char digits[11] = {};
    char* at = digits + sizeof digits - 1;
    do *--at = char('0' + number % 10);
    while ((number /= 10) != 0);
    print(at);
}
[[noreturn]] void leave(bool good) {
    ask_host(0x18, reinterpret_cast<const void*>(good ? 0x20026 : 0x20023));  // the application's exit, or an error
    for (;;) {
    }
}

/// Fills what is free below the stack, to see later how deep it went.
void paint_stack() {
    for (char* p = end; p < reinterpret_cast<char*>(__builtin_frame_address(0)) - 64; ++p) *p = kUnused;
}
std::uint32_t stack_used() {
    const char* p = end;
    while (p < stack_top && *p == kUnused) ++p;
    return std::uint32_t(stack_top - p);
}

bool run() {
    lutra::Room room(g_room);
    const lutra::Result<Index> index = lutra::open_in_place<Index>({index_begin, index_end}, room);
    if (!index.ok()) return print(index.status().c_str()), false;
    const lutra::SearchParams params{.nprobe = 8, .k_factor = 4};
    print("room "), print(std::uint32_t(room.used())), print(", workspace ");
    print(std::uint32_t(lutra::workspace_bytes(*index, kNearest, params))), print(" bytes\n");
    lutra::Workspace workspace(g_workspace);
    lutra::Resources resources;
    resources.workspace = &workspace;
    for (std::size_t i = 0; i < kQueries; ++i) {
        float query[kDim], distances[kNearest];
        lutra::Id ids[kNearest];
        std::memcpy(query, queries_begin + i * (sizeof(std::int32_t) + sizeof query) + sizeof(std::int32_t), sizeof query);
        const lutra::Status status = index->search({query, 1, kDim}, kNearest, {distances, ids}, params, resources);
        if (!status.ok()) return print(status.c_str()), false;
        print("query "), print(std::uint32_t(i)), print(":");
        for (const lutra::Id id : ids) print(" "), print(std::uint32_t(id));
        print("\n");
    }
    return true;
}
}  // namespace

// There is no heap: what asks for one ends the program.
void* operator new(std::size_t) { leave(false); }
void* operator new(std::size_t, std::align_val_t) { leave(false); }
void operator delete(void*) noexcept {}
void operator delete(void*, std::size_t) noexcept {}
void operator delete(void*, std::align_val_t) noexcept {}
void operator delete(void*, std::size_t, std::align_val_t) noexcept {}

int main() {
    paint_stack();
    const bool good = run();
    print("stack "), print(stack_used()), print(" bytes\n");
    leave(good);
}
