// For tests: a transform that learns, changes the number of columns, and has a way back.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/part_cost.hpp>
#include <lutra/io/record.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace transform_test {

/// "First{n}": the first n columns, 1 to 9, less those of the first training row.
class FirstColumns {
public:
    static constexpr std::string_view kName = "First2";
    static constexpr lutra::Fourcc kRecord = "Frst";
    static constexpr bool kReverses = true;
    static constexpr bool kUnitRows = false;

    FirstColumns(std::size_t d, std::size_t n) : d_(d), n_(n) {}
    static std::optional<lutra::Result<FirstColumns>> parse(std::string_view token, std::size_t d) {
        using Parsed = std::optional<lutra::Result<FirstColumns>>;
        if (token.size() != 6 || !token.starts_with("First") || token[5] < '1' || token[5] > '9') return std::nullopt;
        const auto n = std::size_t(token[5] - '0');
        if (n > d) return Parsed(std::in_place, lutra::Status{lutra::Errc::bad_spec, "{} of {} columns", token, d});
        return Parsed(std::in_place, FirstColumns(d, n));
    }
    std::string token() const { return "First" + std::to_string(n_); }

    std::size_t dim_in() const { return d_; }
    std::size_t dim_out() const { return n_; }
    FirstColumns untrained() const { return FirstColumns(d_, n_); }
    bool is_trained() const { return !off_.empty(); }
    std::size_t training_rows() const { return 1; }
    lutra::Status train(lutra::MatrixView x, const lutra::Resources&) {
        off_.assign(x.row(0), x.row(0) + n_);
        return {};
    }
    bool same(const FirstColumns& other) const { return other.off_ == off_; }

    void apply(lutra::MatrixView x, float* out) const {
        for (std::size_t i = 0; i < x.n; ++i)
            for (std::size_t t = 0; t < n_; ++t) *out++ = x.row(i)[t] - off_[t];
    }
    void reverse(lutra::MatrixView y, float* out) const {
        std::fill_n(out, y.n * d_, 0.F);
        for (std::size_t i = 0; i < y.n; ++i)
            for (std::size_t t = 0; t < n_; ++t) out[i * d_ + t] = y.row(i)[t] + off_[t];
    }
    lutra::PartCost cost(lutra::Metric, std::size_t) const { return {}; }

    lutra::Status save(lutra::Writer& out) const {
        LUTRA_TRY(write_fourcc(out, kRecord));
        LUTRA_TRY(write_value(out, std::uint64_t(n_)));
        return write_counted(out, off_.data(), off_.size());
    }
    static lutra::Result<FirstColumns> load(lutra::Reader& in, std::size_t d) {
        std::uint64_t n = 0;
        LUTRA_TRY(read_value(in, n));
        FirstColumns first(d, n);
        LUTRA_TRY(read_counted(in, first.off_));
        return first;
    }

private:
    std::size_t d_, n_;
    lutra::AlignedVector<float> off_;
};

}  // namespace transform_test
