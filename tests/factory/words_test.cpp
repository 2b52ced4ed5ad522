// tests/factory/words_test.cpp: every word of faiss's grammar that is not built here is refused by its name.
// SPDX-License-Identifier: MIT
#include "spec_message.hpp"

#include <doctest/doctest.h>
#include <lutra/factory/spec.hpp>

#include <string>
#include <string_view>

using namespace lutra;
using namespace spec_test;

namespace {
struct Word {
    std::string_view text;  // may stand alone or behind IVF16
    std::string_view name;  // what the message calls it
};

constexpr Word kEncodings[] = {
    {"PQ8", "PQ"},
    {"PQ8np", "PQ"},
    {"PQ8x6np", "PQ"},
    {"PQ8+16", "PQ"},
    {"PQ16x12", "PQ"},
    {"SQ8", "SQ"},
    {"SQ4", "SQ"},
    {"SQ6", "SQ"},
    {"SQ0", "SQ"},
    {"SQfp16", "SQfp"},
    {"SQbf16", "SQbf"},
    {"SQ8_direct", "SQ"},
    {"SQ8_direct_signed", "SQ"},
    {"SQtqmse4", "SQtqmse"},
    {"SQtq5", "SQtq"},
    {"FlatDedup", "FlatDedup"},
    {"FlatPanorama", "FlatPanorama"},
    {"FlatPanorama8_64", "FlatPanorama"},
    {"LSH", "LSH"},
    {"LSHr", "LSHr"},
    {"LSHt", "LSHt"},
    {"LSHrt", "LSHrt"},
    {"LSH64", "LSH"},
    {"LSH64r", "LSH"},
    {"LSH64t", "LSH"},
    {"LSH64rt", "LSH"},
    {"SH", "SH"},
    {"SHg", "SHg"},
    {"SHc", "SHc"},
    {"SHm", "SHm"},
    {"SH2m", "SH"},
    {"RQ4x8", "RQ"},
    {"RQ1x16_6x8_Nfloat", "RQ"},
    {"RQ8x4fsr_64_Nrq2x4", "RQ"},
    {"LSQ4x8_Nqint8", "LSQ"},
    {"PRQ2x4x8", "PRQ"},
    {"PLSQ2x4x4fs", "PLSQ"},
    {"RCQ2x5", "RCQ"},
    {"LSCQ2x5", "LSCQ"},
    {"ZnLattice3x10_4", "ZnLattice"},
    {"RaBitQ", "RaBitQ"},
    {"RaBitQ4", "RaBitQ"},
    {"RaBitQfs", "RaBitQfs"},
    {"RaBitQfs4_64", "RaBitQfs"},
    {"EDEN", "EDEN"},
    {"EDEN4", "EDEN"},
    {"EDEN4BIAS", "EDEN"},
    {"EDEN4BIASED", "EDEN"},
    {"EDENBIAS", "EDENBIAS"},
    {"EDENBIASED", "EDENBIASED"},
    {"HNSW", "HNSW"},
    {"HNSW32_PQ8", "HNSW"},
    {"HNSW_2x8+PQ8", "HNSW"},
    {"NSG", "NSG"},
    {"NSG32_SQ8", "NSG"},
};

constexpr Word kBefore[] = {
    {"PCA16", "PCA"},
    {"PCAW16", "PCAW"},
    {"PCAR16", "PCAR"},
    {"PCAWR16", "PCAWR"},
    {"OPQ8", "OPQ"},
    {"OPQ8_16", "OPQ"},
    {"RR", "RR"},
    {"RR16", "RR"},
    {"ITQ", "ITQ"},
    {"ITQ16", "ITQ"},
    {"Pad64", "Pad"},
    {"HR", "HR"},
    {"HR7", "HR"},
    {"IMI2x4", "IMI"},
    {"IDMap", "IDMap"},
    {"IDMap2", "IDMap"},
    {"MinMax", "MinMax"},
    {"MinMaxFP16", "MinMaxFP"},
    {"Residual16", "Residual"},
    {"Residual2x8", "Residual"},
    {"HNSW32", "HNSW"},
    {"NSG32", "NSG"},
};

constexpr Word kBehind[] = {{"IDMap", "IDMap"}, {"IDMap2", "IDMap"}, {"RefinePanorama(Flat)", "RefinePanorama"}};

void check_refused(const std::string& text, std::size_t column, std::string_view name) {
    CAPTURE(text);
    const Status status = parse_spec(text, 32, Metric::l2, kFlatOnly).status();
    CHECK(status.code() == Errc::unsupported);
    CHECK(status.message().find(std::string(name) + " is not part of this version") != std::string_view::npos);
    CHECK(caret(status.message()) == column);
    CHECK(broken_promise(text, 32, kFlatOnly) == nullptr);
}
}  // namespace

TEST_CASE("faiss's encodings that are not built are refused by name, alone and in lists") {
    for (const Word& word : kEncodings) {
        check_refused(std::string(word.text), 0, word.name);
        check_refused("IVF16," + std::string(word.text), 6, word.name);
        check_refused("L2norm," + std::string(word.text) + ",RFlat", 7, word.name);
    }
}

TEST_CASE("an index of faiss's that is not built is refused by name inside parentheses too") {
    for (const Word& word : kEncodings) {
        const std::string text(word.text);
        check_refused("IVF16(" + text + "),Flat", 6, word.name);
        CAPTURE(text);
        const Status refine = parse_spec("Flat,Refine(" + text + ")", 32, Metric::l2, kFlatOnly).status();
        CHECK(refine.code() == Errc::unsupported);
        CHECK(refine.message().find("refining with " + text + " is not part of this version") != std::string_view::npos);
    }
}

TEST_CASE("faiss's words before and behind an index that are not built are refused by name") {
    for (const Word& word : kBefore) check_refused(std::string(word.text) + ",Flat", 0, word.name);
    for (const Word& word : kBehind) check_refused("Flat," + std::string(word.text), 5, word.name);
}

TEST_CASE("letters that faiss does not know behind a word of its own are no word of faiss's") {
    for (const char* text : {"LSHx", "LSHtr", "SHx", "EDENB", "EDENbiased", "PCAX16", "RaBitQf", "SQx8", "HNSWx", "lsh"}) {
        CAPTURE(text);
        CHECK(parse_spec(text, 32, Metric::l2, kFlatOnly).status().code() == Errc::bad_spec);
    }
}
