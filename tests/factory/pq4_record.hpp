// tests/factory/pq4_record.hpp: the parts of an IPfs or IwPf record, and how far scores made of its 8-bit tables may be off:
// lutra's and faiss's.  SPDX-License-Identifier: MIT
#pragma once
#include <doctest/doctest.h>

#include <lutra/coarse/flat_coarse.hpp>
#include <lutra/encodings/pq4fs/pq4fs_file.hpp>
#include <lutra/ivf/direct_map.hpp>
#include <lutra/kernels/distance.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace pq4_test {

/// Half a step for each of M sub-quantizers.
struct ScoreErrors {
    double lutra = 0;  // the largest of all probed lists
    double faiss = 0;  // faiss has one scale for all lists, and rounds the list's own term to a step too
};

class Pq4Record {
public:
    explicit Pq4Record(std::span<const std::byte> bytes) {
        lutra::MemoryReader in(bytes);
        lutra::Fourcc fourcc;
        lutra::OwnedCodes codes;
        REQUIRE(lutra::read_fourcc(in, fourcc).ok());
        if (fourcc == lutra::Fourcc("IPfs")) {
            keep(lutra::Pq4FastScan::load_alone(in, header_, codes));
            return;
        }
        REQUIRE(fourcc == lutra::Fourcc("IwPf"));
        std::uint64_t nlist = 0, nprobe = 0;
        REQUIRE(lutra::read_header(in, header_).ok());
        REQUIRE(lutra::read_value(in, nlist).ok());
        REQUIRE(lutra::read_value(in, nprobe).ok());
        lutra::Result<lutra::FlatCoarse> coarse = lutra::FlatCoarse::load(in, header_, nlist);
        REQUIRE(coarse.ok());
        coarse_ = std::move(*coarse);
        lutra::DirectMapKind map{};
        REQUIRE(lutra::DirectMap::load_kind(in, map).ok());
        keep(lutra::Pq4FastScan::load_fields(in, header_));
    }

    /// For query q [d] and the lists it visits.
    ScoreErrors errors(const float* q, std::size_t nprobe) const {
        const std::vector<Table> tables = probed(q, nprobe);
        const std::size_t m = encoding_->m();
        double pair = 0, widest = 0, total = 0, least_bias = 1e300, most_bias = -1e300;
        for (const Table& t : tables) {
            double sum = 0;
            for (std::size_t i = 0; i < m; ++i) {
                const std::size_t partner = lutra::pq4_partner(i);
                pair = std::max(pair, t.widths[i] + (partner < m ? t.widths[partner] : 0));
                widest = std::max(widest, t.widths[i]), sum += t.widths[i];
            }
            total = std::max(total, sum + t.bias);
            least_bias = std::min(least_bias, t.bias), most_bias = std::max(most_bias, t.bias);
        }
        if (coarse_) total += is_ip() ? most_bias - least_bias : -least_bias;
        const double step = std::max(widest / 255, coarse_ ? total / 65535 : 0);
        return {pair / 254 * double(m) / 2, step * double(m + 1) / 2};
    }

private:
    struct Table {
        std::vector<double> widths;
        double bias = 0;  // the list's own term
    };

    bool is_ip() const { return header_.metric == lutra::Metric::inner_product; }

    void keep(lutra::Result<lutra::Pq4FastScan> encoding) {
        REQUIRE_MESSAGE(encoding.ok(), encoding.status().message());
        encoding_ = std::move(*encoding);
    }

    std::vector<Table> probed(const float* q, std::size_t nprobe) const {
        if (!coarse_) return {table(q, nullptr)};
        lutra::Arena arena;
        std::vector<lutra::Id> lists(nprobe);
        coarse_->probe({q, 1, header_.d}, nprobe, lists.data(), nullptr, arena);
        std::vector<Table> tables;
        for (const lutra::Id l : lists)
            tables.push_back(table(q, encoding_->by_residual() ? coarse_->centroid(std::size_t(l)) : nullptr));
        return tables;
    }

    Table table(const float* q, const float* centroid) const {
        const lutra::Pq4Codebook& codebook = encoding_->codebook();
        Table table{std::vector<double>(codebook.m())};
        if (centroid != nullptr) table.bias = double(lutra::score_row(header_.metric, q, centroid, header_.d));
        for (std::size_t m = 0; m < codebook.m(); ++m) {
            double least = 1e300, most = -1e300;
            for (std::size_t c = 0; c < 16; ++c) {
                double sum = 0;
                for (std::size_t t = 0; t < codebook.dsub(); ++t) {
                    const std::size_t at = m * codebook.dsub() + t;
                    const double x = double(q[at]) - (centroid != nullptr && !is_ip() ? double(centroid[at]) : 0);
                    const double y = codebook.centroid(m, c)[t];
                    sum += is_ip() ? -x * y : (x - y) * (x - y);
                }
                least = std::min(least, sum), most = std::max(most, sum);
            }
            table.widths[m] = most - least;
        }
        return table;
    }

    lutra::IndexHeader header_;
    std::optional<lutra::FlatCoarse> coarse_;
    std::optional<lutra::Pq4FastScan> encoding_;
};

}  // namespace pq4_test
