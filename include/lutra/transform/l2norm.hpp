// lutra/transform/l2norm.hpp: "L2norm" scales every row to length 1. Inner products are cosines then.  SPDX-License-Identifier: MIT
#pragma once
#include <lutra/core/concepts.hpp>
#include <lutra/core/params.hpp>
#include <lutra/core/part_cost.hpp>
#include <lutra/io/record.hpp>
#include <lutra/kernels/normalize.hpp>

#include <cstddef>
#include <optional>
#include <string>

namespace lutra::inline LUTRA_ABI_TAG {

/// See Transform for the members. A row of zeros stays as it is.
class L2norm {
public:
    static constexpr std::string_view kName = "L2norm";
    static constexpr Fourcc kRecord = "VNrm";
    static constexpr bool kReverses = false;  // lengths are lost
    static constexpr bool kUnitRows = true;

    explicit L2norm(std::size_t d) : d_(d) {}

    static std::optional<Result<L2norm>> parse(std::string_view token, std::size_t d) {
        if (token != kName && token != "L2Norm") return std::nullopt;
        return Result<L2norm>(L2norm(d));
    }
    std::string token() const { return std::string(kName); }

    std::size_t dim_in() const { return d_; }
    std::size_t dim_out() const { return d_; }
    L2norm untrained() const { return *this; }
    bool is_trained() const { return true; }
    std::size_t training_rows() const { return 0; }
    Status train(MatrixView, const Resources&) { return {}; }
    bool same(const L2norm& other) const { return other.d_ == d_; }

    void apply(MatrixView x, float* out) const { normalize_rows(x.data, x.n, x.d, out); }

    PartCost cost(Metric metric, std::size_t) const {
        const bool l2 = metric == Metric::l2;
        PartCost cost;
        cost.sentence = "rows and queries are scaled to length 1";
        cost.unrefined = l2 ? "squared L2 distances are then 2 - 2 cosine" : "with inner product the distances are cosines";
        if (metric != Metric::cosine)
            cost.refined = detail::joined({"RFlat compares the rows before L2norm: by ", l2 ? "L2 distance" : "inner product",
                                           ", not by cosine; with the metric cosine it does"});
        return cost;
    }

    Status save(Writer& out) const {
        LUTRA_TRY(write_fourcc(out, kRecord));
        LUTRA_TRY(write_value(out, 2.F));
        LUTRA_TRY(write_value(out, std::int32_t(d_)));
        LUTRA_TRY(write_value(out, std::int32_t(d_)));
        return write_value(out, std::uint8_t{1});
    }
    static Result<L2norm> load(Reader& in, std::size_t d) {
        float norm = 0;
        std::int32_t dims[2] = {0, 0};
        bool trained = false;
        LUTRA_TRY(read_value(in, norm));
        LUTRA_TRY(read_values(in, dims, 2));
        LUTRA_TRY(read_bool(in, trained));
        if (norm != 2.F) return Status{Errc::unsupported, "normalisation by the {}-norm; accepted: 2", norm};
        if (dims[0] < 0 || std::size_t(dims[0]) != d || dims[1] != dims[0])
            return Status{Errc::bad_file, "L2norm from {} to {} columns in an index of d = {}", dims[0], dims[1], d};
        return L2norm(d);
    }

private:
    std::size_t d_;
};

static_assert(Transform<L2norm>);

}  // namespace lutra::inline LUTRA_ABI_TAG
