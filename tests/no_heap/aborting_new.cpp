// tests/no_heap/aborting_new.cpp: operator new of programs without a heap, of bench/size/ too.  SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdlib>
#include <new>

void* operator new(std::size_t) { std::abort(); }
void* operator new(std::size_t, std::align_val_t) { std::abort(); }
void operator delete(void*) noexcept {}
void operator delete(void*, std::size_t) noexcept {}
void operator delete(void*, std::align_val_t) noexcept {}
void operator delete(void*, std::size_t, std::align_val_t) noexcept {}
