// lutra/core/message.hpp: error text formatted into a fixed array: "{}" takes the next argument, nothing allocates.
// SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/float_text.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string_view>

namespace lutra::inline LUTRA_ABI_TAG {

/// At most kCapacity characters; what does not fit is cut and the cut is marked with "...". Arguments of format(): text, numbers,
/// bools, a Message, or a function that makes one of these, which is not called where there are no messages (LUTRA_NO_MESSAGES).
class Message {
public:
    static constexpr std::size_t kCapacity = 508;

    constexpr Message() = default;

    template <class... Args>
    static Message format(std::string_view pattern, const Args&... args) {
        Message m;
        (m.next(pattern, args), ...);
        m.append(pattern);
        return m;
    }

    std::string_view view() const { return {text_.data(), size_}; }
    const char* c_str() const { return text_.data(); }

    Message& append(std::string_view s) {
        const std::size_t take = std::min(s.size(), kCapacity - size_);
        std::copy_n(s.data(), take, text_.data() + size_);
        size_ += take;
        if (take < s.size()) std::fill_n(text_.data() + kCapacity - 3, 3, '.');
        text_[size_] = '\0';
        return *this;
    }
    Message& append(char c) { return append(std::string_view(&c, 1)); }
    template <std::same_as<bool> B>  // a template, so that a pointer does not become one
    Message& append(B b) {
        return append(std::string_view(b ? "true" : "false"));
    }

    template <std::integral T>
    requires(!std::same_as<T, bool>) Message& append(T value) {
        std::array<char, 32> digits;
        return append_digits(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
    }
    template <std::floating_point T>
    Message& append(T value) {
        std::array<char, 32> digits;
        return append_digits(digits.data(), float_text(value, digits.data()));
    }

private:
    Message& append_digits(const char* begin, const char* end) { return append(std::string_view(begin, std::size_t(end - begin))); }

    template <class T>
    void next(std::string_view& pattern, const T& value) {
        const std::size_t at = pattern.find("{}");
        append(pattern.substr(0, at));
        if (at == std::string_view::npos) return pattern = {}, void();
        append_argument(value);
        pattern.remove_prefix(at + 2);
    }
    template <class T>
    void append_argument(const T& value) {
        if constexpr (std::invocable<const T&>)
            append_argument(value());
        else if constexpr (std::same_as<T, Message>)
            append(value.view());
        else if constexpr (std::convertible_to<T, std::string_view>)
            append(std::string_view(value));
        else
            append(value);
    }

    std::array<char, kCapacity + 1> text_{};
    std::size_t size_ = 0;
};

}  // namespace lutra::inline LUTRA_ABI_TAG
