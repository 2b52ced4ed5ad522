// lutra/core/guarded.hpp: turns out-of-memory exceptions into a Status, at the outermost public calls.
// SPDX-License-Identifier: MIT
//
// Inside the library a failed allocation is a std::bad_alloc, which passes through an executor's tasks too (executor.hpp). Nothing
// is left half done: each call does everything that can fail before its first change. Built with -fno-exceptions, operator new ends
// the process when memory runs out, and guarded() just calls f.
#pragma once
#include <lutra/core/result.hpp>

#include <new>
#include <stdexcept>
#include <string_view>
#include <type_traits>

namespace lutra::inline LUTRA_ABI_TAG {

/// Returns f(), a Status or a Result. If f throws std::bad_alloc, or std::length_error for an impossible size: Errc::out_of_memory;
/// if f throws a lutra::Error: its Status. `call` names the call in the message. Other exceptions come from the caller's own
/// functions (executor, filter, progress, stream) and pass through. Costs nothing unless an exception is thrown.
template <class F>
std::invoke_result_t<F> guarded([[maybe_unused]] std::string_view call, F&& f) {
#if LUTRA_HAS_EXCEPTIONS
    try {
        return f();
    } catch (const Error& e) {
        return e.status();
    } catch (const std::bad_alloc&) {
    } catch (const std::length_error&) {
    }
    return Status{Errc::out_of_memory, "{}: memory ran out; accepted: what fits, such as fewer rows at a time", call};
#else
    return f();
#endif
}

}  // namespace lutra::inline LUTRA_ABI_TAG
