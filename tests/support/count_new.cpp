// Replaces the operators new and delete that all others call, and those that AddressSanitizer has of its own.
// SPDX-License-Identifier: MIT
#include "support/count_new.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {
constexpr long kNever = -1;
constexpr std::size_t kMost =
    std::size_t{1} << (sizeof(std::size_t) == 8 ? 40 : 30);  // sanitizers end the process that asks for more
std::atomic<std::size_t> calls{0}, bytes{0};
std::atomic<long> until_failure{kNever};  // allocations left before the one that fails; below 0: none fails any more

bool fails() { return until_failure.load(std::memory_order_relaxed) > kNever && until_failure.fetch_sub(1) == 0; }

void* counted(std::size_t size, std::align_val_t alignment) {
    calls.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_add(size, std::memory_order_relaxed);
    if (fails() || size > kMost) return nullptr;
    const std::size_t unit = std::size_t(alignment);
    if (unit <= alignof(std::max_align_t)) return std::malloc(size == 0 ? 1 : size);
    return std::aligned_alloc(unit, (size + unit - 1) / unit * unit);
}
void* allocate(std::size_t size, std::align_val_t alignment = std::align_val_t{1}) {
    if (void* p = counted(size, alignment); p != nullptr) return p;
#if defined(__cpp_exceptions)
    throw std::bad_alloc();
#else
    std::abort();
#endif
}
}  // namespace

std::size_t lutra_test::allocations() { return calls.load(); }
std::size_t lutra_test::allocated_bytes() { return bytes.load(); }
lutra_test::FailingAllocation::FailingAllocation(std::size_t at) { until_failure.store(long(at)); }
lutra_test::FailingAllocation::~FailingAllocation() { until_failure.store(kNever); }
bool lutra_test::FailingAllocation::reached() const { return until_failure.load() <= kNever; }

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) { return allocate(size, alignment); }
void* operator new[](std::size_t size, std::align_val_t alignment) { return allocate(size, alignment); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size, std::align_val_t{1}); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size, std::align_val_t{1}); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
