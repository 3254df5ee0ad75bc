#include "format/blob_storage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

#include "helpers.h"

namespace pome::format {
namespace {

using test::TemporaryFolder;
using testing::HasSubstr;

const std::string fixture = std::string(POME_FIXTURES) + "/all_types.bin";

// What fixtures/make_weight_bin.py writes, in its order.
struct Expected {
  DataType type;
  std::int64_t elements;
  int value_bits;  // the pattern's values are taken modulo 2^value_bits
};
constexpr std::array all_types{
    Expected{DataType::fp16, 5, 14},  Expected{DataType::fp32, 3, 14},
    Expected{DataType::uint8, 70, 8}, Expected{DataType::int8, 64, 8},
    Expected{DataType::int16, 4, 14}, Expected{DataType::uint16, 9, 16},
    Expected{DataType::int4, 7, 4},   Expected{DataType::uint1, 11, 1},
    Expected{DataType::uint2, 7, 2},  Expected{DataType::uint4, 5, 4},
    Expected{DataType::uint3, 13, 3}, Expected{DataType::uint6, 9, 6},
    Expected{DataType::int32, 6, 30}, Expected{DataType::uint32, 2, 32},
};

// The pattern's elements, packed by the definition: bit k of element i is bit i * width + k.
std::vector<std::byte> packed(const Expected& e) {
  const int width = bits(e.type);
  std::vector<std::byte> out(static_cast<std::size_t>((e.elements * width + 7) / 8));
  for (std::int64_t i = 0; i < e.elements; ++i) {
    auto value = static_cast<std::uint32_t>((7 * i + 1) % (std::int64_t{1} << e.value_bits));
    if (e.type == DataType::fp32) value = std::bit_cast<std::uint32_t>(static_cast<float>(value));
    for (int k = 0; k < width; ++k) {
      const auto bit = static_cast<std::size_t>(i * width + k);
      out[bit / 8] |= static_cast<std::byte>(((value >> k) & 1U) << (bit % 8));
    }
  }
  return out;
}

TEST(BlobFile, ReadsEveryTypeThatCoremltoolsWrites) {
  const BlobFile file(base::open_file(fixture));
  base::Budget budget;
  const auto offsets = file.offsets(budget);
  ASSERT_EQ(offsets.size(), all_types.size());
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const Blob blob = file.at(offsets[i], all_types[i].type, all_types[i].elements);
    std::vector<std::byte> bytes(static_cast<std::size_t>(blob.size));
    file.source()->read(blob.offset, bytes);
    EXPECT_EQ(bytes, packed(all_types[i])) << name(blob.type);
    EXPECT_EQ(blob.unused_bits, blob.size * 8 - blob.elements * bits(blob.type));
  }
}

TEST(BlobWriter, WritesTheBytesThatCoremltoolsWrites) {
  const TemporaryFolder folder;
  BlobWriter writer(folder / "weight.bin");
  for (const Expected& e : all_types) writer.add(e.type, e.elements, packed(e));
  writer.commit();
  EXPECT_EQ(TemporaryFolder::get(folder / "weight.bin"), TemporaryFolder::get(fixture));
}

TEST(BlobWriter, PiecesMakeTheSameFile) {
  const TemporaryFolder folder;
  BlobWriter writer(folder / "weight.bin");
  for (const Expected& e : all_types) {
    const auto bytes = packed(e);
    writer.begin(e.type, e.elements);
    writer.append(std::span(bytes).first(1));
    writer.append(std::span(bytes).subspan(1));
  }
  writer.commit();
  EXPECT_EQ(TemporaryFolder::get(folder / "weight.bin"), TemporaryFolder::get(fixture));
}

// coremltools' Python writer lacks these; the codes are those of its C++ headers.
TEST(BlobStorage, CodesOfTypesThatPythonCannotWrite) {
  EXPECT_EQ(blob_code(DataType::bf16), 5U);
  EXPECT_EQ(blob_code(DataType::fp8e4m3fn), 16U);
  EXPECT_EQ(blob_code(DataType::fp8e5m2), 17U);
  EXPECT_EQ(blob_type(5), DataType::bf16);
  EXPECT_EQ(blob_type(0), DataType::invalid);
  EXPECT_EQ(blob_type(18), DataType::invalid);
  EXPECT_FALSE(blob_code(DataType::boolean));
  EXPECT_FALSE(blob_code(DataType::invalid));
}

TEST(BlobWriter, RefusesWhatItCannotHold) {
  const TemporaryFolder folder;
  BlobWriter writer(folder / "weight.bin");
  EXPECT_THAT(error_of([&] { writer.begin(DataType::string, 1); }), HasSubstr("cannot hold"));
  EXPECT_THAT(error_of([&] { writer.begin(DataType::fp16, -1); }), HasSubstr("cannot hold"));
  EXPECT_THAT(error_of([&] { writer.add(DataType::fp16, 2, bytes_of("abc")); }),
              HasSubstr("take 4 bytes, got 3"));
  writer.begin(DataType::uint8, 2);
  EXPECT_THAT(error_of([&] { writer.append(bytes_of("abc")); }), HasSubstr("at most 2 more"));
  EXPECT_THAT(error_of([&] { writer.begin(DataType::uint8, 2); }), HasSubstr("lacks 2 bytes"));
  EXPECT_THAT(error_of([&] { writer.commit(); }), HasSubstr("lacks 2 bytes"));
  EXPECT_FALSE(std::filesystem::exists(folder / "weight.bin"));
}

void put(std::string& file, std::size_t at, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i) {
    file[at + static_cast<std::size_t>(i)] = static_cast<char>((value >> (8 * i)) & 0xFFU);
  }
}

// A file with one blob of 64 bytes; the arguments are the fields of its record.
struct OneBlob {
  std::uint32_t version = 2;
  std::uint32_t sentinel = 0xDEADBEEFU;
  std::uint32_t code = 3;  // uint8
  std::uint64_t size = 64;
  std::uint64_t offset = 128;
  std::uint64_t unused_bits = 0;

  std::string file() const {
    std::string out(192, '\0');
    put(out, 0, 1, 4);
    put(out, 4, version, 4);
    put(out, 64, sentinel, 4);
    put(out, 68, code, 4);
    put(out, 72, size, 8);
    put(out, 80, offset, 8);
    put(out, 88, unused_bits, 8);
    return out;
  }
  std::string error(std::uint64_t at = 64) const {
    return error_of([&] { BlobFile(source_of(file())).at(at); });
  }
};

TEST(BlobFile, OneGoodBlobToStartFrom) {
  EXPECT_EQ(OneBlob().error(), "no error");
}

TEST(BlobFile, RefusesDamagedRecords) {
  EXPECT_THAT(OneBlob{.version = 1}.error(), HasSubstr("header says version 1"));
  EXPECT_THAT(OneBlob{.sentinel = 7}.error(),
              HasSubstr("sentinel is 0x00000007, expected 0xDEADBEEF"));
  EXPECT_THAT(OneBlob{.code = 0}.error(), HasSubstr("code 0 is unknown"));
  EXPECT_THAT(OneBlob{.code = 18}.error(), HasSubstr("code 18 is unknown"));
  EXPECT_THAT(OneBlob{.size = 65}.error(), HasSubstr("pass the end of the file"));
  EXPECT_THAT(OneBlob{.size = ~std::uint64_t{0}}.error(), HasSubstr("pass the end"));
  EXPECT_THAT(OneBlob{.offset = std::uint64_t{1} << 40}.error(), HasSubstr("pass the end"));
  EXPECT_THAT((OneBlob{.size = std::uint64_t{1} << 63, .offset = std::uint64_t{1} << 63}.error()),
              HasSubstr("pass the end"));
  EXPECT_THAT(OneBlob{.offset = 0}.error(), HasSubstr("overlap the header"));
  EXPECT_THAT(OneBlob{.offset = 64}.error(), HasSubstr("overlap its own record"));
  EXPECT_THAT((OneBlob{.size = 60, .offset = 130}.error()), HasSubstr("multiple of 64"));
  EXPECT_THAT((OneBlob{.code = 2, .size = 63}.error()), HasSubstr("no whole number of fp32"));
  EXPECT_THAT((OneBlob{.code = 8, .unused_bits = 8}.error()), HasSubstr("less than 8"));
  EXPECT_THAT((OneBlob{.code = 8, .unused_bits = 3}.error()), HasSubstr("no whole number of int4"));
  EXPECT_THAT((OneBlob{.code = 8, .size = 0, .unused_bits = 4}.error()), HasSubstr("less than 8"));
}

TEST(BlobFile, UnusedBitsOfWholeBytesAreNotLookedAt) {
  EXPECT_EQ((OneBlob{.code = 3, .unused_bits = 99}.error()), "no error");
}

TEST(BlobFile, RefusesOffsetsWithoutARecord) {
  for (const std::uint64_t at : {0U, 1U, 63U, 65U}) {
    EXPECT_THAT(OneBlob().error(at), HasSubstr("no record can begin there")) << at;
  }
  EXPECT_THAT(OneBlob().error(192), HasSubstr("passes the end of the file"));
  EXPECT_THAT(OneBlob().error(~std::uint64_t{63}), HasSubstr("no record can begin there"));
  EXPECT_THAT(OneBlob().error(128), HasSubstr("sentinel is 0x00000000"));
}

TEST(BlobFile, RefusesAnotherTypeOrSizeThanTheProgramSays) {
  const BlobFile file(source_of(OneBlob().file()));
  EXPECT_THAT(error_of([&] { file.at(64, DataType::int8, 64); }),
              HasSubstr("holds 64 elements of uint8, expected 64 of int8"));
  EXPECT_THAT(error_of([&] { file.at(64, DataType::uint8, 63); }), HasSubstr("expected 63"));
}

TEST(BlobFile, RefusesFilesThatAreTooShort) {
  EXPECT_THAT(error_of([] { BlobFile(source_of("")); }), HasSubstr("has 0 bytes"));
  EXPECT_THAT(error_of([] { BlobFile(source_of(OneBlob().file().substr(0, 63))); }),
              HasSubstr("has 63 bytes"));
}

TEST(BlobFile, RefusesMoreBlobsThanFit) {
  std::string text = OneBlob().file();
  put(text, 0, 0xFFFFFFFFU, 4);
  base::Budget budget;
  EXPECT_THAT(error_of([&] { BlobFile(source_of(text)).offsets(budget); }),
              HasSubstr("more than the file has room for"));
}

TEST(BlobFile, SurvivesDamage) {
  const std::string good = TemporaryFolder::get(fixture);
  damage(good.substr(0, 400), [](const std::string& damaged) {
    base::Budget budget;
    BlobFile(source_of(damaged)).offsets(budget);
  });
}

TEST(BlobFile, ReachesPastTwoGigabytes) {
  const TemporaryFolder folder;
  const std::uint64_t far = std::uint64_t{5} << 30;
  std::string record = OneBlob{.code = 8, .size = 3, .offset = far + 64, .unused_bits = 4}.file();
  const auto path = folder.put("weight.bin", record.substr(0, 64));
  std::filesystem::resize_file(path, far + 67);
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary)
      .seekp(static_cast<std::streamoff>(far))
      .write(record.data() + 64, 64);
  const Blob blob = BlobFile(base::open_file(path)).at(far);
  EXPECT_EQ(blob.offset, static_cast<std::int64_t>(far + 64));
  EXPECT_EQ(blob.elements, 5);
}

TEST(BlobFile, ReadsRealWeights) {
  const char* const path = "models/silero-vad/unified_palette_4bit.mlpackage";
  POME_NEEDS_SHARED(path);
  const BlobFile file(
      base::open_file(test::shared_data() / path / "Data/com.apple.CoreML/weights/weight.bin"));
  base::Budget budget;
  EXPECT_EQ(file.offsets(budget).size(), file.count());
  EXPECT_GT(file.count(), 0U);
}

}  // namespace
}  // namespace pome::format
