// lutra/core/result.hpp: errors as values: Status (code + message) and Result<T> (a value or a Status).
// Nothing here throws, except Result::value() on an error when exceptions are on.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/message.hpp>

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <optional>
#include <utility>

namespace lutra::inline LUTRA_ABI_TAG {

enum class Errc : std::uint8_t {
    ok,
    bad_argument,  ///< a size, a pointer, an id or a parameter's value is not accepted
    bad_spec,      ///< a factory string does not parse
    unsupported,   ///< understood, but not something this build or this index can do
    not_trained,   ///< the index needs train() first
    too_few_rows,  ///< training needs more rows than it was given
    not_finite,    ///< NaN or infinity in the data; the message has the row
    not_found,     ///< no such id, file or parameter
    bad_file,      ///< truncated, oversized, foreign or inconsistent bytes
    io_error,      ///< the system refused to read or write (the message says why: no space, no permission ...)
    cancelled,     ///< the progress callback asked to stop
    out_of_memory  ///< the call changed nothing; without exceptions the process ends instead (guarded.hpp)
};

#if defined(LUTRA_NO_MESSAGES)
inline constexpr bool kHasMessages = false;
#else
inline constexpr bool kHasMessages = true;
#endif

/// "bad_file" for Errc::bad_file.
constexpr const char* errc_name(Errc code) {
    constexpr const char* kNames[] = {"ok",         "bad_argument", "bad_spec", "unsupported", "not_trained", "too_few_rows",
                                      "not_finite", "not_found",    "bad_file", "io_error",    "cancelled",   "out_of_memory"};
    return kNames[std::size_t(code)];
}

#if defined(LUTRA_NO_MESSAGES)
/// The outcome of a call that can fail: its code, one byte. The texts are left out.
class [[nodiscard]] Status {
public:
    Status() = default;

    template <class... Args>
    Status(Errc code, std::string_view, const Args&...) : code_(code) {}

    bool ok() const { return code_ == Errc::ok; }
    explicit operator bool() const { return ok(); }
    Errc code() const { return code_; }
    std::string_view message() const { return c_str(); }
    const char* c_str() const { return errc_name(code_); }

private:
    Errc code_ = Errc::ok;
};
#else
/// The outcome of a call that can fail: a code and a message that says what was wrong and what is accepted.
/// Half a kilobyte by value, no allocation; calls that can fail are rare, or once per batch.
class [[nodiscard]] Status {
public:
    Status() = default;

    template <class... Args>
    Status(Errc code, std::string_view pattern, const Args&... args) : code_(code), message_(Message::format(pattern, args...)) {}

    bool ok() const { return code_ == Errc::ok; }
    explicit operator bool() const { return ok(); }
    Errc code() const { return code_; }
    std::string_view message() const { return message_.view(); }
    const char* c_str() const { return message_.c_str(); }

private:
    Errc code_ = Errc::ok;
    Message message_;
};
#endif

/// The exception of Result::value().
class Error : public std::exception {
public:
    explicit Error(const Status& status) : status_(status) {}
    const char* what() const noexcept override { return status_.c_str(); }
    const Status& status() const { return status_; }

private:
    Status status_;
};

namespace detail {
[[noreturn]] inline void fail(const Status& status) {
#if LUTRA_HAS_EXCEPTIONS
    throw Error(status);
#else
    static_cast<void>(status);
    std::abort();
#endif
}
}  // namespace detail

/// A T, or the Status that says why there is none.
///   value()         the T; on an error throws lutra::Error, or ends the process in builds without exceptions
///   operator*, ->   the T; precondition: ok()
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : value_(std::move(value)) {}
    Result(const Status& status) : status_(status) { LUTRA_ASSERT(!status_.ok()); }

    bool ok() const { return value_.has_value(); }
    explicit operator bool() const { return ok(); }
    const Status& status() const { return status_; }

    T& value() & { return check(), *value_; }
    const T& value() const& { return check(), *value_; }
    T&& value() && { return check(), std::move(*value_); }

    T& operator*() & { return *value_; }
    const T& operator*() const& { return *value_; }
    T&& operator*() && { return std::move(*value_); }
    T* operator->() { return &*value_; }
    const T* operator->() const { return &*value_; }

private:
    void check() const {
        if (!ok()) detail::fail(status_);
    }

    std::optional<T> value_;
    Status status_;
};

}  // namespace lutra::inline LUTRA_ABI_TAG

/// Returns the Status of `expression` from the enclosing function unless it is ok.
#define LUTRA_TRY(expression)                                                                        \
    do {                                                                                             \
        if (::lutra::Status lutra_status_ = (expression); !lutra_status_.ok()) return lutra_status_; \
    } while (false)
