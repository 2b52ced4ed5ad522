// tests/support/small_stack.hpp: calls in a thread of little stack; one that needs more ends the program.
// SPDX-License-Identifier: MIT
#pragma once
#include <pthread.h>

#include <cstddef>

#if !defined(__has_feature)
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) || \
    __has_feature(thread_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define LUTRA_TEST_STACK_FACTOR 8  // every local of a function has a place and guards of its own
#else
#define LUTRA_TEST_STACK_FACTOR 1
#endif

namespace lutra_test {

inline constexpr std::size_t kSmallStack = std::size_t{256} << 10;

/// Runs f() in a thread of kSmallStack bytes of stack, more under sanitizers, and waits for it. False: there is no thread.
template <class F>
bool on_small_stack(F&& f) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kSmallStack * LUTRA_TEST_STACK_FACTOR);
    pthread_t thread;
    const auto run = [](void* to_call) -> void* { return (*static_cast<F*>(to_call))(), nullptr; };
    const bool started = pthread_create(&thread, &attributes, run, &f) == 0;
    if (started) pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
    return started;
}

}  // namespace lutra_test
