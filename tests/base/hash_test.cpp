#include "base/hash.h"

#include <gtest/gtest.h>

namespace pome::base {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// FIPS 180-4 examples.
constexpr std::string_view of_abc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr std::string_view of_nothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(Sha256, MatchesTheStandardsExamples) {
  EXPECT_EQ(hex(sha256(bytes_of("abc"))), of_abc);
  EXPECT_EQ(hex(sha256(bytes_of(""))), of_nothing);
}

TEST(Sha256, PiecesMakeTheSameDigest) {
  Sha256 hasher;
  EXPECT_EQ(hex(hasher.update("a").update("").update("bc").finish()), of_abc);
  EXPECT_EQ(hex(hasher.update("abc").finish()), of_abc);  // a new message began
}

TEST(Sha256, NumbersAreLittleEndian) {
  const std::string_view bytes("\x02\x01\0\0\0\0\0\0", 8);
  EXPECT_EQ(Sha256().update(std::uint64_t{0x0102}).finish(), sha256(bytes_of(bytes)));
}

TEST(Sha256, OfASourceIsThatOfItsBytes) {
  const auto million = from_bytes("m", std::vector<std::byte>(1000000, std::byte{'a'}));
  EXPECT_EQ(hex(sha256(*million)),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Digest, ReadsItsOwnText) {
  EXPECT_EQ(parse_digest(of_abc), sha256(bytes_of("abc")));
  EXPECT_FALSE(parse_digest(of_abc.substr(1)));
  EXPECT_FALSE(parse_digest(std::string(63, '0') + "g"));
}

TEST(Xxh3, MatchesThePublishedValueOfNothing) {
  EXPECT_EQ(xxh3({}), 0x2D06800538D394C2U);
}

}  // namespace
}  // namespace pome::base
