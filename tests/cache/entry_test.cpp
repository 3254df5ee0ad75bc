// Entries: what is written is found again, and nothing that was damaged is used.
#include "cache/entry.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstring>

#include "pome/error.h"
#include "temporary_folder.h"

namespace pome::cache {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<const exec::Pack> pack_of(std::string_view text) {
  auto pack = std::make_shared<exec::Pack>(text.size());
  std::memcpy(pack->bytes().data(), text.data(), text.size());
  return pack;
}

EntryInfo some_info() {
  EntryInfo info;
  info.key.bytes.fill(std::byte{7});
  info.model = "Model.mlpackage";
  info.configuration = "cpu avx2, exact";
  info.sources = {{"/a/model", {1, 2, 3, 4, 5}}};
  info.created = 1234567;
  return info;
}

const NamedPacks& some_packs() {
  static const NamedPacks packs{{"form|one", pack_of("hello")},
                                {"form|two", pack_of(std::string(1000, 'x'))},
                                {"form|empty", pack_of("")}};
  return packs;
}

std::string_view text_of(const exec::Pack& pack) {
  return {pack.as<char>(), pack.bytes().size()};
}

std::string error_of(const std::filesystem::path& file) {
  try {
    Entry::open(file);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Entry, IsFoundAsItWasWritten) {
  const test::TemporaryFolder folder;
  write_entry(folder / "e", some_info(), some_packs());
  const auto entry = Entry::open(folder / "e");
  EXPECT_EQ(entry->info().key, some_info().key);
  EXPECT_EQ(entry->info().model, "Model.mlpackage");
  EXPECT_EQ(entry->info().configuration, "cpu avx2, exact");
  EXPECT_EQ(entry->info().created, 1234567);
  ASSERT_EQ(entry->info().sources.size(), 1U);
  EXPECT_EQ(entry->info().sources[0].path, "/a/model");
  EXPECT_EQ(entry->info().sources[0].identity, (base::FileIdentity{1, 2, 3, 4, 5}));
  EXPECT_EQ(entry->pack_count(), 3U);
  EXPECT_TRUE(entry->intact());
  for (const auto& [name, pack] : some_packs()) {
    const auto found = entry->find(name, pack->bytes().size());
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(text_of(*found), text_of(*pack));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(found->bytes().data()) % 64, 0U);
  }
}

TEST(Entry, PacksOfAnotherNameOrSizeAreNotThere) {
  const test::TemporaryFolder folder;
  write_entry(folder / "e", some_info(), some_packs());
  const auto entry = Entry::open(folder / "e");
  EXPECT_FALSE(entry->find("form|three", 5));
  EXPECT_FALSE(entry->find("form|one", 6));
}

TEST(Entry, PacksKeepItMapped) {
  const test::TemporaryFolder folder;
  write_entry(folder / "e", some_info(), some_packs());
  auto pack = Entry::open(folder / "e")->find("form|one", 5);
  std::filesystem::remove(folder / "e");
  EXPECT_EQ(text_of(*pack), "hello");
}

TEST(Entry, IsReadableByItsOwnerAlone) {
  const test::TemporaryFolder folder;
  write_entry(folder / "e", some_info(), some_packs());
  struct stat status {};
  ASSERT_EQ(::stat((folder / "e").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0400U);
}

TEST(Entry, OneThatOthersMayWriteToIsRefused) {
  const test::TemporaryFolder folder;
  write_entry(folder / "e", some_info(), some_packs());
  ASSERT_EQ(::chmod((folder / "e").c_str(), 0666), 0);
  EXPECT_THAT(error_of(folder / "e"), HasSubstr("can be written to by others"));
}

TEST(Entry, LinksAreNotFollowed) {
  const test::TemporaryFolder folder;
  write_entry(folder / "e", some_info(), some_packs());
  std::filesystem::create_symlink(folder / "e", folder / "link");
  EXPECT_THAT(error_of(folder / "link"), HasSubstr("cannot be opened"));
}

// A bit of every byte is flipped in turn: either opening notices, or the packs are no longer
// intact, or the byte is one of those that fill up to the next multiple of 64.
TEST(Entry, EveryFlippedBitIsFoundBeforeUse) {
  const test::TemporaryFolder folder;
  write_entry(folder / "e", some_info(), some_packs());
  const std::string whole = test::TemporaryFolder::get(folder / "e");
  std::size_t found = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    folder.put("f", flipped);
    ASSERT_EQ(::chmod((folder / "f").c_str(), 0600), 0);
    bool noticed = false;
    try {
      noticed = !Entry::open(folder / "f")->intact();
    } catch (const Error&) {
      noticed = true;
    }
    if (noticed) {
      ++found;
    } else {
      EXPECT_EQ(whole[i], '\0') << "byte " << i;
    }
  }
  EXPECT_GT(found, std::size_t{128 - 32 + 5 + 1000});
}

TEST(Entry, EveryTruncationIsRefused) {
  const test::TemporaryFolder folder;
  write_entry(folder / "e", some_info(), some_packs());
  const std::string whole = test::TemporaryFolder::get(folder / "e");
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    folder.put("f", whole.substr(0, size));
    ASSERT_EQ(::chmod((folder / "f").c_str(), 0600), 0);
    EXPECT_NE(error_of(folder / "f"), "no error") << size;
  }
}

}  // namespace
}  // namespace pome::cache
