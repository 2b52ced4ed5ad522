// lutra/core/guarded.hpp: memory that runs out becomes a Status, at the outermost public calls.  SPDX-License-Identifier: MIT
//
// Inside the library a failed allocation travels as C++ sends it, out of an executor's tasks too (executor.hpp). Work is ordered so
// that it leaves nothing half done: all that can fail comes before the first change.
// Without exceptions operator new does not come back when there is no memory: the process ends, and nothing here is compiled.
#pragma once
#include <lutra/core/result.hpp>

#include <new>
#include <stdexcept>
#include <string_view>
#include <type_traits>

namespace lutra::inline LUTRA_ABI_TAG {

/// f(), which gives a Status or a Result. Where it throws std::bad_alloc, or std::length_error of a size beyond all memory:
/// Errc::out_of_memory; a lutra::Error: its Status. `call` names the call in the message. Other exceptions are those of the
/// caller's own functions (executor, filter, progress, stream) and go on to the caller. Costs nothing unless something is thrown.
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
