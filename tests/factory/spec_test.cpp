// tests/factory/spec_test.cpp: what the parser of factory strings accepts, refuses and says.  SPDX-License-Identifier: MIT
#include "spec_message.hpp"

#include <doctest/doctest.h>
#include <lutra/core/random.hpp>
#include <lutra/factory/spec.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace lutra;
using namespace spec_test;

namespace {
Result<Spec> parse(std::string_view text, std::size_t d = 32) { return parse_spec(text, d, Metric::l2, kFlatOnly); }

struct Accepted {
    std::string_view text;
    std::size_t transforms, nlist, encoding_column;  // nlist 0: no coarse part
    std::string_view canonical;
    std::size_t refine = 0;
};

constexpr Accepted kAccepted[] = {
    {"Flat", 0, 0, 0, "Flat"},
    {"IVF1,Flat", 0, 1, 5, "IVF1,Flat"},
    {"IVF16,Flat", 0, 16, 6, "IVF16,Flat"},
    {"IVF0016,Flat", 0, 16, 8, "IVF16,Flat"},
    {"IVF1k,Flat", 0, 1024, 6, "IVF1024,Flat"},
    {"IVF2M,Flat", 0, 2097152, 6, "IVF2097152,Flat"},
    {"IVF2147483647,Flat", 0, 2147483647, 14, "IVF2147483647,Flat"},
    {"IVF2097151k,Flat", 0, 2147482624, 12, "IVF2147482624,Flat"},
    {"IVF2047M,Flat", 0, 2146435072, 9, "IVF2146435072,Flat"},
    {"L2norm,Flat", 1, 0, 7, "L2norm,Flat"},
    {"L2Norm,IVF1k,Flat", 1, 1024, 13, "L2norm,IVF1024,Flat"},
    {"L2norm,L2Norm,IVF16,Flat", 2, 16, 20, "L2norm,L2norm,IVF16,Flat"},
    {"Flat,RFlat", 0, 0, 0, "Flat,RFlat", 1},
    {"IVF16(Flat),Flat", 0, 16, 12, "IVF16,Flat"},
    {"IVF16(IVF4,Flat),Flat", 0, 16, 17, "IVF16(IVF4,Flat),Flat"},
    {"IVF16(L2Norm,IVF2k(Flat),Flat,Refine(Flat)),Flat,RFlat", 0, 16, 44, "IVF16(L2norm,IVF2048,Flat,RFlat),Flat,RFlat", 1},
    {"IVF16,Flat,RFlat", 0, 16, 6, "IVF16,Flat,RFlat", 1},
    {"IVF16,Flat,Refine(Flat)", 0, 16, 6, "IVF16,Flat,RFlat", 1},
    {"L2Norm,IVF1k,Flat,RFlat", 1, 1024, 13, "L2norm,IVF1024,Flat,RFlat", 1},
    {"Flat,RFlat,Refine(Flat),RFlat", 0, 0, 0, "Flat,RFlat,RFlat,RFlat", 3},
};

struct Refused {
    std::string_view text;
    Errc code;
    std::size_t column;
    std::string_view says, nearest;
};

constexpr std::string_view kStart = "expected L2norm, IVF{n} or an encoding (Flat)", kEncoding = "expected an encoding (Flat)";
constexpr std::string_view kEnd = "expected RFlat, or nothing after the encoding",
                           kCount = "expected IVF{n} with n from 1 to 2147483647";

constexpr Refused kRefused[] = {
    // the spellings that faiss refuses, or fails on later
    {"", Errc::bad_spec, 0, "the string is empty; expected L2norm, IVF{n} or an encoding (Flat)", "Flat"},
    {"foo", Errc::bad_spec, 0, kStart, "Flat"},
    {"flat", Errc::bad_spec, 0, kStart, "Flat"},
    {"IVF16", Errc::bad_spec, 5, "a part is missing; expected an encoding (Flat)", "IVF16,Flat"},
    {"Flat,Flat", Errc::bad_spec, 5, "one part too many", "Flat"},
    {"IVF16,Foo", Errc::bad_spec, 6, kEncoding, "IVF16,Flat"},
    {"IVF16,", Errc::bad_spec, 6, "a part is missing; expected an encoding (Flat)", "IVF16,Flat"},
    {"IVF16, Flat", Errc::bad_spec, 6, "spaces are not allowed; expected an encoding (Flat)", "IVF16,Flat"},
    {"IVF16(Flat,Flat", Errc::bad_spec, 5, "a parenthesis without its partner", "IVF16,Flat"},
    {"IVF99999999999,Flat", Errc::bad_spec, 3, "too many lists; expected IVF{n} with n from 1", "IVF2147483647,Flat"},
    {"IVF0,Flat", Errc::bad_spec, 3, "there must be at least one list", "IVF1,Flat"},
    {"PQ7", Errc::unsupported, 0, "PQ is not part of this version", "Flat"},
    {"PQ0", Errc::unsupported, 0, "PQ is not part of this version", "Flat"},
    {"PQ16x5fs", Errc::unsupported, 0, kStart, "Flat"},
    {"PQ16x4fsr", Errc::unsupported, 0, kStart, "Flat"},
    {"PQ16x4fs_33", Errc::unsupported, 0, kStart, "Flat"},
    {"HNSW32,Foo", Errc::unsupported, 0, "HNSW is not part of this version", "Flat"},
    {"IMI2x4,Flat", Errc::unsupported, 0, "IMI is not part of this version", "Flat"},
    {"PCA64,Flat", Errc::unsupported, 0, "PCA is not part of this version; expected L2norm, IVF{n}", "Flat"},
    {"OPQ7,Flat", Errc::unsupported, 0, "OPQ is not part of this version", "Flat"},
    // valid in faiss, not built here
    {"PQ16x4fs", Errc::unsupported, 0, kStart, "Flat"},
    {"IVF16,PQ16x4fsr_64", Errc::unsupported, 6, kEncoding, "IVF16,Flat"},
    {"IVF16,PQ8+16", Errc::unsupported, 6, kEncoding, "IVF16,Flat"},
    {"SQ8", Errc::unsupported, 0, "SQ is not part of this version", "Flat"},
    {"IVF1k,SQfp16", Errc::unsupported, 6, "SQfp is not part of this version", "IVF1024,Flat"},
    {"SQ8_direct", Errc::unsupported, 0, kStart, "Flat"},
    {"Flat,Refine(PQ16)", Errc::unsupported, 12, "refining with PQ16 is not part of this version; expected Flat", "Flat,RFlat"},
    {"Flat,Refine(SQ8),RFlat", Errc::unsupported, 12, "refining with SQ8", "Flat,RFlat,RFlat"},
    {"Flat,Refine(IVF16,Flat)", Errc::unsupported, 12, "refining with IVF16,Flat is not part", "Flat,RFlat"},
    {"IVF4,Flat,Refine(Flat,Refine(Flat))", Errc::unsupported, 17, "refining with Flat,Refine(Flat)", "IVF4,Flat,RFlat"},
    {"Flat,RefinePanorama(Flat)", Errc::unsupported, 5, "RefinePanorama is not part of this version", "Flat"},
    {"IVF16_HNSW32,Flat", Errc::unsupported, 5, "a graph over the centroids is not part of this version", "IVF16,Flat"},
    {"IVF16(),Flat", Errc::bad_spec, 6, "a part is missing", "IVF16,Flat"},
    {"IVF16(Flat)x,Flat", Errc::bad_spec, 11, "a comma is missing", "IVF16,Flat"},
    {"IVF16(IVF4(foo,Flat),Flat),Flat", Errc::bad_spec, 11, "not known here", "IVF16,Flat"},
    {"IVF16(IVF4,Flat,),Flat", Errc::bad_spec, 15, "a comma too many", "IVF16,Flat"},
    {"L2norm,PCA64,Flat", Errc::unsupported, 7, "PCA", "L2norm,Flat"},
    {"PCAWR64,IVF16,Flat", Errc::unsupported, 0, "PCAWR", "IVF16,Flat"},
    {"RR,Flat", Errc::unsupported, 0, "RR", "Flat"},
    {"ITQ,LSH", Errc::unsupported, 0, "ITQ", "Flat"},
    {"Pad64,Flat", Errc::unsupported, 0, "Pad", "Flat"},
    {"HR,Flat", Errc::unsupported, 0, "HR", "Flat"},
    {"IDMap,Flat", Errc::unsupported, 0, "IDMap", "Flat"},
    {"Flat,IDMap2", Errc::unsupported, 5, "IDMap", "Flat"},
    {"MinMaxFP16,Flat", Errc::unsupported, 0, "MinMaxFP", "Flat"},
    {"Residual2x8,PQ16", Errc::unsupported, 0, "Residual", "Flat"},
    {"IVF16,FlatDedup", Errc::unsupported, 6, "FlatDedup", "IVF16,Flat"},
    {"IVF16,RaBitQfs4_64", Errc::unsupported, 6, "RaBitQfs", "IVF16,Flat"},
    {"RQ4x8", Errc::unsupported, 0, "RQ", "Flat"},
    {"EDEN4BIASED", Errc::unsupported, 0, "EDEN", "Flat"},
    {"NSG32,Flat", Errc::unsupported, 0, "NSG", "Flat"},
    // letter case
    {"ivf16,flat", Errc::bad_spec, 0, kStart, "IVF16,Flat"},
    {"FLAT", Errc::bad_spec, 0, kStart, "Flat"},
    {"l2norm,Flat", Errc::bad_spec, 0, kStart, "L2norm,Flat"},
    {"L2NORM,IVF16,Flat", Errc::bad_spec, 0, kStart, "L2norm,IVF16,Flat"},
    {"IVF1K,Flat", Errc::bad_spec, 4, "a comma is missing", "IVF1024,Flat"},
    {"IVF2m,Flat", Errc::bad_spec, 4, "a comma is missing", "IVF2097152,Flat"},
    // misspelt words
    {"Flta", Errc::bad_spec, 0, kStart, "Flat"},
    {"IFV16,Flat", Errc::bad_spec, 0, kStart, "IVF16,Flat"},
    {"L2-norm,Flat", Errc::bad_spec, 2, "this character is not allowed", "L2norm,Flat"},
    {"norm,Flat", Errc::bad_spec, 0, kStart, "L2norm,Flat"},
    // spaces
    {" Flat", Errc::bad_spec, 0, "spaces are not allowed", "Flat"},
    {"Flat ", Errc::bad_spec, 4, "spaces are not allowed", "Flat"},
    {"IVF16,Flat\n", Errc::bad_spec, 10, "spaces are not allowed", "IVF16,Flat"},
    {"IVF 16,Flat", Errc::bad_spec, 3, "spaces are not allowed", "IVF16,Flat"},
    {"IVF16 ,Flat", Errc::bad_spec, 5, "spaces are not allowed", "IVF16,Flat"},
    {"L2norm IVF16 Flat", Errc::bad_spec, 6, "spaces are not allowed", "L2norm,IVF16,Flat"},
    {"Flat, RFlat", Errc::bad_spec, 5, "spaces are not allowed; expected RFlat", "Flat,RFlat"},
    // commas
    {"IVF16Flat", Errc::bad_spec, 5, "a comma is missing; expected an encoding (Flat)", "IVF16,Flat"},
    {"L2normFlat", Errc::bad_spec, 0, kStart, "L2norm,Flat"},
    {"L2norm", Errc::bad_spec, 6, "a part is missing", "L2norm,Flat"},
    {",Flat", Errc::bad_spec, 0, "a part is missing", "Flat"},
    {"IVF16,,Flat", Errc::bad_spec, 6, "a part is missing", "IVF16,Flat"},
    {"Flat,", Errc::bad_spec, 4, "a comma too many", "Flat"},
    {"Flat,,", Errc::bad_spec, 4, "a comma too many", "Flat"},
    {",", Errc::bad_spec, 0, "a part is missing", "Flat"},
    {"IVF1,024,Flat", Errc::bad_spec, 5, kEncoding, "IVF1,Flat"},
    // refine
    {"RFlat", Errc::bad_spec, 0, kStart, "Flat,RFlat"},
    {"Refine(Flat)", Errc::bad_spec, 0, kStart, "Flat,RFlat"},
    {"RFlat,Flat", Errc::bad_spec, 0, kStart, "Flat,RFlat"},
    {"IVF16,RFlat", Errc::bad_spec, 6, kEncoding, "IVF16,Flat,RFlat"},
    {"IVF16,RFlat,Flat", Errc::bad_spec, 6, kEncoding, "IVF16,Flat,RFlat"},
    {"Flat,RFlat,Flat", Errc::bad_spec, 11, "one part too many; expected RFlat", "Flat,RFlat"},
    {"Flat,RFlat,L2norm", Errc::bad_spec, 11, kEnd, "L2norm,Flat,RFlat"},
    {"Flat,rflat", Errc::bad_spec, 5, "one part too many; expected RFlat", "Flat,RFlat"},
    {"Flat,RFlta", Errc::bad_spec, 5, kEnd, "Flat,RFlat"},
    {"IVF16,FlatRFlat", Errc::bad_spec, 6, kEncoding, "IVF16,Flat,RFlat"},
    {"Flat,RFlat8", Errc::bad_spec, 5, kEnd, "Flat,RFlat"},
    {"Flat,RFlat,", Errc::bad_spec, 10, "a comma too many", "Flat,RFlat"},
    {"Flat,Refine", Errc::bad_spec, 5, kEnd, "Flat,RFlat"},
    {"Flat,Refine()", Errc::bad_spec, 12, "a part is missing; expected Flat", "Flat,RFlat"},
    {"Flat,Refine(Foo)", Errc::bad_spec, 12, "not an index; expected Flat", "Flat,RFlat"},
    {"Flat,Refine(flat)", Errc::bad_spec, 12, "not an index; expected Flat", "Flat,RFlat"},
    {"Flat,Refine( Flat)", Errc::bad_spec, 12, "spaces are not allowed", "Flat,RFlat"},
    {"Flat,Refine((Flat))", Errc::bad_spec, 12, "not an index", "Flat,RFlat"},
    {"Flat,Refine(Flat", Errc::bad_spec, 11, "a parenthesis without its partner", "Flat,RFlat"},
    {"Flat,Refine(Flat))", Errc::bad_spec, 17, "a parenthesis without its partner", "Flat,RFlat"},
    {"Flat,Refine(Flat)RFlat", Errc::bad_spec, 17, "a comma is missing", "Flat,RFlat,RFlat"},
    {"Flat,Refine(Flat)(Flat)", Errc::bad_spec, 17, "a comma is missing", "Flat,RFlat"},
    // order
    {"Flat,L2norm", Errc::bad_spec, 5, kEnd, "L2norm,Flat"},
    {"Flat,IVF16", Errc::bad_spec, 5, kEnd, "IVF16,Flat"},
    {"IVF16,L2norm,Flat", Errc::bad_spec, 6, kEncoding, "L2norm,IVF16,Flat"},
    {"IVF16,IVF4,Flat", Errc::bad_spec, 6, kEncoding, "IVF16,Flat"},
    // list counts
    {"IVF,Flat", Errc::bad_spec, 3, "the number of lists is missing", "IVF1,Flat"},
    {"IVFk,Flat", Errc::bad_spec, 3, kCount, "Flat"},
    {"IVF-1,Flat", Errc::bad_spec, 3, "this character is not allowed", "IVF1,Flat"},
    {"IVF0k,Flat", Errc::bad_spec, 3, "at least one list", "IVF1,Flat"},
    {"IVF2147483648,Flat", Errc::bad_spec, 3, "too many lists", "IVF2147483647,Flat"},
    {"IVF2048M,Flat", Errc::bad_spec, 3, "too many lists", "IVF2147483647,Flat"},
    {"IVF18446744073709551617,Flat", Errc::bad_spec, 3, "too many lists", "IVF2147483647,Flat"},
    {"IVF17592186044417M,Flat", Errc::bad_spec, 3, "too many lists", "IVF2147483647,Flat"},
    {"IVF1kk,Flat", Errc::bad_spec, 5, "a comma is missing", "IVF1024,Flat"},
    // parentheses and other characters
    {"(Flat)", Errc::bad_spec, 0, kStart, "Flat"},
    {"Flat)", Errc::bad_spec, 4, "a parenthesis without its partner", "Flat"},
    {")(", Errc::bad_spec, 0, "a parenthesis without its partner", "Flat"},
    {"((((", Errc::bad_spec, 0, "a parenthesis without its partner", "Flat"},
    {"Flat,RFlat(", Errc::bad_spec, 10, "a parenthesis without its partner", "Flat,RFlat"},
    {"IVF16;Flat", Errc::bad_spec, 5, "this character is not allowed", "IVF16,Flat"},
    {"Fl\xC3\xA4t", Errc::bad_spec, 2, "this character is not allowed", "Flat"},
    {std::string_view("Flat\0", 5), Errc::bad_spec, 4, "this character is not allowed", "Flat"},
    {std::string_view("\0", 1), Errc::bad_spec, 0, "this character is not allowed", "Flat"},
};
}  // namespace

TEST_CASE("parse_spec takes accepted strings apart") {
    for (const Accepted& want : kAccepted) {
        CAPTURE(want.text);
        const auto spec = parse(want.text);
        REQUIRE_MESSAGE(spec.ok(), spec.status().c_str());
        CHECK(spec->text == want.text);
        CHECK(spec->transforms.size() == want.transforms);
        CHECK((spec->coarse ? spec->coarse->nlist : 0) == want.nlist);
        CHECK(spec->encoding.text == "Flat");
        CHECK(spec->encoding.column == want.encoding_column);
        CHECK(spec->refine.size() == want.refine);
    }
}

TEST_CASE("tokens keep their text and their column") {
    const auto spec = parse("L2norm,L2Norm,IVF1k,Flat");
    REQUIRE(spec.ok());
    CHECK(spec->transforms[0].token.text == "L2norm");
    CHECK(spec->transforms[1].token.text == "L2Norm");
    CHECK(spec->transforms[1].token.column == 7);
    CHECK(spec->coarse->token.text == "IVF1k");
    CHECK(spec->coarse->token.column == 14);
}

TEST_CASE("to_string gives the canonical spelling, which parses to itself") {
    for (const Accepted& want : kAccepted) {
        CHECK(to_string(*parse(want.text)) == want.canonical);
        CHECK(to_string(*parse(want.canonical)) == want.canonical);
    }
}

TEST_CASE("every refused string names its bad part, what is accepted and the nearest spelling") {
    for (const Refused& want : kRefused) {
        CAPTURE(want.text);
        const auto spec = parse(want.text);
        REQUIRE(!spec.ok());
        const std::string message(spec.status().message());
        CAPTURE(message);
        CHECK(spec.status().code() == want.code);
        CHECK(caret(message) == want.column);
        CHECK(message.find(want.says) != std::string::npos);
        CHECK(message.find(want.code == Errc::unsupported ? "cannot build \"" : "cannot parse \"") == 0);
        CHECK(suggestion(message) == want.nearest);
        CHECK(parse(suggestion(message)).ok());
    }
}

TEST_CASE("an error reads as text with a caret under the bad part") {
    CHECK(parse("IVF16, Flat").status().message() ==
          "cannot parse \"IVF16, Flat\": spaces are not allowed; expected an encoding (Flat)\n"
          "  IVF16, Flat\n"
          "        ^\n"
          "  did you mean \"IVF16,Flat\"?");
    CHECK(parse("IVF16,SQ8").status().message() ==
          "cannot build \"IVF16,SQ8\": SQ is not part of this version; expected an encoding (Flat)\n"
          "  IVF16,SQ8\n"
          "        ^\n"
          "  nearest accepted: \"IVF16,Flat\"");
}

TEST_CASE("an encoding's own complaint is shown at its token") {
    const Status odd = parse_spec("IVF16,Half", 33, Metric::l2, kFlatAndHalf).status();
    CHECK(odd.code() == Errc::bad_spec);
    CHECK(odd.message().find("Half needs an even d, not 33") != std::string_view::npos);
    CHECK(caret(odd.message()) == 6);
    CHECK(suggestion(odd.message()) == "IVF16,Flat");  // not Half, which this d does not allow
}

TEST_CASE("an encoding is told whether lists come before it") {
    CHECK(parse_spec("IVF16,Halfr", 32, Metric::l2, kFlatAndHalf).ok());
    const Status alone = parse_spec("Halfr", 32, Metric::l2, kFlatAndHalf).status();
    CHECK(alone.code() == Errc::bad_spec);
    CHECK(suggestion(alone.message()) == "Half");
}

TEST_CASE("expected encodings are those of the caller, and the nearest of them is suggested") {
    const Status typo = parse_spec("IVF16,Hal", 32, Metric::l2, kFlatAndHalf).status();
    CHECK(typo.message().find("expected an encoding (Flat, Half, Halfr)") != std::string_view::npos);
    CHECK(suggestion(typo.message()) == "IVF16,Half");
    CHECK(suggestion(parse_spec("Flat", 32, Metric::l2, {}).status().message()).empty());
}

TEST_CASE("a long string is shown around the caret, which stays right") {
    std::string text;
    for (int i = 0; i < 40; ++i) text += "L2norm,";
    const std::size_t bad = text.size();
    text += "X,IVF16,Flat";
    for (int i = 0; i < 40; ++i) text += ",Y";
    const std::string message(parse(text).status().message());
    CHECK(message.size() < Message::kCapacity);
    CHECK(shown_line(message).substr(caret(message), 12) == "X,IVF16,Flat");
    CHECK(shown_line(message).starts_with("..."));
    CHECK(shown_line(message).ends_with("..."));
    CHECK(spec_error(Errc::bad_spec, text, bad, "x").message().find("\n  ..." + text.substr(bad - 30, 60) + "...\n") !=
          std::string::npos);
}

TEST_CASE("the caret is right at both ends of a long string") {
    const std::string text(100, 'a');
    const Status front = spec_error(Errc::bad_spec, text, 0, "x"), back = spec_error(Errc::bad_spec, text, 100, "x");
    CHECK(caret(front.message()) == 0);
    CHECK(shown_line(front.message()) == std::string(60, 'a') + "...");
    CHECK(caret(back.message()) == 63);
    CHECK(shown_line(back.message()) == "..." + std::string(60, 'a'));
}

TEST_CASE("a long reason is cut before the caret is") {
    const Status status = spec_error(Errc::bad_spec, std::string(200, 'a'), 150, std::string(2000, 'r'), std::string(72, 'n'));
    CHECK(status.message().size() == Message::kCapacity);
    CHECK(status.message().ends_with("n\"?"));
    CHECK(caret(status.message()) == 33);
}

TEST_CASE("unprintable bytes are replaced one by one, so the caret stays right") {
    const std::string message(parse("IVF16,\x01\xC3\xA4\x7F\x1b[2J").status().message());
    CHECK(message.find("\n  IVF16,?????[2J\n        ^\n") != std::string::npos);
    CHECK(parse(std::string_view("IVF16,Fl\0at", 11)).status().message().find("\n  IVF16,Fl?at\n          ^") != std::string::npos);
}

TEST_CASE("huge strings are refused in bounded time with a bounded message") {
    for (const char* unit : {"(", ")", ",", "L2norm,", "IVF16,", "9", "Flat", " ", "\xFF", "PQ16x4fs,"}) {
        CAPTURE(unit);
        std::string text;
        while (text.size() < std::size_t{1} << 20) text += unit;
        const Status status = parse(text).status();
        CHECK(status.code() == Errc::bad_spec);
        CHECK(status.message().find("too long; expected 1024 characters at most") != std::string_view::npos);
        CHECK(broken_promise(text, 32, kFlatOnly) == nullptr);
        CHECK(broken_promise(text.substr(0, kMaxSpecLength), 32, kFlatOnly) == nullptr);
    }
}

TEST_CASE("every cut of every string keeps the promises") {
    for (const Refused& row : kRefused)
        for (std::size_t size = 0; size <= row.text.size(); ++size) {
            CAPTURE(row.text.substr(0, size));
            CHECK(broken_promise(row.text.substr(0, size), 32, kFlatOnly) == nullptr);
        }
}

TEST_CASE("mutated strings keep the promises") {
#if !defined(LUTRA_TEST_MUTATIONS)
    constexpr int kMutations = 20000;
#else
    constexpr int kMutations = LUTRA_TEST_MUTATIONS;
#endif
    constexpr std::string_view kPieces[] = {"IVF", "Flat", "L2norm", ",",           "(",     ")",        "k",
                                            "M",   "16",   "0",      "99999999999", " ",     "PQ16x4fs", "Half",
                                            "r",   "_",    "\n",     "\xFF",        "RFlat", "Refine(",  "Refine(Flat)"};
    Rng rng(20);
    for (int i = 0; i < kMutations; ++i) {
        std::string text(kAccepted[rng.below(std::size(kAccepted))].text);
        for (std::size_t edits = 1 + rng.below(4); edits > 0; --edits) {
            const std::size_t at = rng.below(text.size() + 1), remove = rng.below(4);
            const std::string_view piece = kPieces[rng.below(std::size(kPieces))];
            const std::string insert = rng.below(2) == 0 ? std::string(piece) : std::string(rng.below(3), char(rng.below(256)));
            text.replace(at, remove, insert);
        }
        const std::size_t d = 32 + rng.below(2);
        CAPTURE(text);
        const char* broken = broken_promise(text, d, kFlatAndHalf);
        CHECK_MESSAGE(broken == nullptr, std::string(broken == nullptr ? "" : broken));
    }
}
