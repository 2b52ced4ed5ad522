// lutra/core/float_text.hpp: floats as text: the fewest digits that read back as the same number.  SPDX-License-Identifier: MIT
//
// What std::to_chars writes, which some standard libraries lack, and which brings 120 KB of tables into a program. Slow (whole numbers
// of hundreds of bits, as in Steele & White, "How to print floating-point numbers accurately", PLDI 1990), but for messages only, and
// 1.3 KB of code on a Cortex-M4, without floating-point arithmetic.
#pragma once
#include <lutra/core/bit_cast.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <type_traits>

namespace lutra::inline LUTRA_ABI_TAG {

namespace detail {

// A whole number of at most 32 * Words bits, little end first.
template <std::size_t Words>
struct Natural {
    std::uint32_t words[Words] = {};

    void multiply(std::uint32_t factor) {
        std::uint64_t carry = 0;
        for (std::uint32_t& word : words) {
            carry += std::uint64_t{word} * factor;
            word = std::uint32_t(carry), carry >>= 32;
        }
    }
    void shift(int bits) {
        for (; bits > 0; bits -= 31) multiply(std::uint32_t{1} << std::min(bits, 31));
    }
    void add(const Natural& other) {
        std::uint64_t carry = 0;
        for (std::size_t i = 0; i < Words; ++i) {
            carry += std::uint64_t{words[i]} + other.words[i];
            words[i] = std::uint32_t(carry), carry >>= 32;
        }
    }
    void subtract(const Natural& other) {  // other is not larger
        std::uint64_t borrow = 0;
        for (std::size_t i = 0; i < Words; ++i) {
            borrow = std::uint64_t{words[i]} - other.words[i] - borrow;
            words[i] = std::uint32_t(borrow), borrow = borrow >> 63;
        }
    }
    // Below, at or above 0, as this number is less than, equal to or greater than the other one.
    int compare(const Natural& other) const {
        for (std::size_t i = Words; i-- > 0;)
            if (words[i] != other.words[i]) return words[i] < other.words[i] ? -1 : 1;
        return 0;
    }
};

// A finite number above 0 as decimal digits d1 d2 d3 ... that stand for d1.d2d3... * 10^exponent.
template <std::floating_point T>
class ShortestDigits {
public:
    // mantissa * 2^exponent; T rounds to it what lies within half a step of 2^exponent around it, of a quarter below if the
    // numbers below are closer together.
    ShortestDigits(std::uint64_t mantissa, int exponent, bool closer_below) : even_(mantissa % 2 == 0) {
        value_.words[0] = std::uint32_t(mantissa), value_.words[1] = std::uint32_t(mantissa >> 32);
        one_.words[0] = below_.words[0] = above_.words[0] = 1;
        const int twice = closer_below ? 2 : 1;
        value_.shift(std::max(exponent, 0) + twice);
        one_.shift(std::max(-exponent, 0) + twice);
        below_.shift(std::max(exponent, 0));
        above_.shift(std::max(exponent, 0) + twice - 1);
        scale();
        while (!next()) {
        }
    }
    std::string_view digits() const { return {digits_, n_}; }
    int exponent() const { return exponent_; }

private:
    // Bits of the largest and of the smallest number, and some for a factor of 40.
    static constexpr int kBits =
        std::max(std::numeric_limits<T>::max_exponent, std::numeric_limits<T>::digits - std::numeric_limits<T>::min_exponent);
    using Number = Natural<std::size_t(kBits + 8 + 31) / 32>;

    void multiply_by_10() { value_.multiply(10), below_.multiply(10), above_.multiply(10); }

    // Is what T rounds to this number as large as one / factor?
    bool reaches(std::uint32_t factor) const {
        Number sum = value_;
        sum.add(above_);
        sum.multiply(factor);
        const int order = sum.compare(one_);
        return even_ ? order >= 0 : order > 0;
    }

    // Makes it less than one, and one tenth at least.
    void scale() {
        for (exponent_ = -1; reaches(1); ++exponent_) one_.multiply(10);
        for (; !reaches(10); --exponent_) multiply_by_10();
    }

    // Appends a digit; true if it was the last one.
    bool next() {
        multiply_by_10();
        char digit = '0';
        for (; value_.compare(one_) >= 0; ++digit) value_.subtract(one_);
        const int order = value_.compare(below_);
        const bool down = even_ ? order <= 0 : order < 0, up = reaches(1);
        if (up) {
            value_.multiply(2);
            if (!down || value_.compare(one_) >= 0) ++digit;
        }
        digits_[n_++] = digit;
        return up || down;
    }

    Number value_, one_, below_, above_;  // the number and the reach of its rounding, in units of `one`
    bool even_;
    int exponent_ = 0;
    char digits_[std::numeric_limits<T>::max_digits10] = {};
    std::size_t n_ = 0;
};

// Writes characters one after the other.
struct TextCursor {
    char* at;
    void put(char c) { *at++ = c; }
    void put(std::string_view text) { at = std::copy(text.begin(), text.end(), at); }
    void put_zeros(int n) { at = std::fill_n(at, n, '0'); }
};

// "1.5e+20"
inline void put_scientific(std::string_view digits, int exponent, TextCursor& to) {
    to.put(digits[0]);
    if (digits.size() > 1) to.put('.'), to.put(digits.substr(1));
    to.put('e'), to.put(exponent < 0 ? '-' : '+');
    const int size = std::abs(exponent);
    if (size >= 100) to.put(char('0' + size / 100));
    to.put(char('0' + size / 10 % 10)), to.put(char('0' + size % 10));
}

// "0.015", "15000", "1.5"
inline void put_fixed(std::string_view digits, int exponent, TextCursor& to) {
    const int n = int(digits.size());
    if (exponent < 0) {
        to.put("0."), to.put_zeros(-exponent - 1), to.put(digits);
    } else if (n <= exponent + 1) {
        to.put(digits), to.put_zeros(exponent + 1 - n);
    } else {
        to.put(digits.substr(0, std::size_t(exponent) + 1)), to.put('.'), to.put(digits.substr(std::size_t(exponent) + 1));
    }
}

// The shorter of both.
inline void put_digits(std::string_view digits, int exponent, TextCursor& to) {
    const int n = int(digits.size()), scientific = n + (n > 1) + (std::abs(exponent) >= 100 ? 5 : 4);
    const int fixed = exponent < 0 ? n + 1 - exponent : std::max(exponent + 1, n > exponent + 1 ? n + 1 : 0);
    fixed <= scientific ? put_fixed(digits, exponent, to) : put_scientific(digits, exponent, to);
}

}  // namespace detail

/// Writes x to `to`, which has room for 32 characters, and returns the end: "0.1", "1e+38", "-0", "inf", "nan".
template <class T>
requires std::same_as<T, float> || std::same_as<T, double>
char* float_text(T x, char* to) {
    using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    using Limits = std::numeric_limits<T>;
    static_assert(Limits::is_iec559 && sizeof(T) == sizeof(Bits));
    constexpr int kFraction = Limits::digits - 1, kBias = Limits::max_exponent - 1;
    const auto bits = bit_cast<Bits>(x);
    const Bits fraction = bits & ((Bits{1} << kFraction) - 1);
    const int biased = int(bits >> kFraction) & (2 * kBias + 1);
    detail::TextCursor text{to};
    if (bits >> (8 * sizeof(T) - 1) != 0) text.put('-');
    if (biased == 2 * kBias + 1) {
        text.put(fraction == 0 ? "inf" : "nan");
    } else if (biased == 0 && fraction == 0) {
        text.put('0');
    } else {
        const Bits mantissa = biased == 0 ? fraction : fraction | Bits{1} << kFraction;
        const detail::ShortestDigits<T> shortest(mantissa, std::max(biased, 1) - kBias - kFraction, fraction == 0 && biased > 1);
        detail::put_digits(shortest.digits(), shortest.exponent(), text);
    }
    return text.at;
}

}  // namespace lutra::inline LUTRA_ABI_TAG
