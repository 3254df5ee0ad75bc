// The cache folder: the cap, the order of last use, what is remembered of source files.
#include "cache/folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <chrono>
#include <cstring>

#include "pome/error.h"
#include "temporary_folder.h"

namespace pome::cache {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

base::Digest key_of(int n) {
  base::Digest key;
  key.bytes.fill(static_cast<std::byte>(n));
  return key;
}

/// Writes an entry of some 10 kB that was used `age` seconds ago.
std::filesystem::path add(const Folder& folder, int n, int age) {
  EntryInfo info;
  info.key = key_of(n);
  info.model = std::to_string(n);
  const auto pack = std::make_shared<exec::Pack>(10000);
  std::memset(pack->bytes().data(), n, 10000);
  const auto lock = folder.lock();
  const auto file = folder.entry_file(info.key);
  write_entry(file, info, {{"p", pack}});
  timespec times[2] = {};
  times[0].tv_sec = times[1].tv_sec = ::time(nullptr) - age;
  ::utimensat(AT_FDCWD, file.c_str(), times, 0);
  return file;
}

TEST(Folder, FindsAnEntryByItsKey) {
  const test::TemporaryFolder temporary;
  const Folder folder(temporary / "cache");
  add(folder, 1, 0);
  std::string why;
  const auto entry = folder.find(key_of(1), why);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->info().model, "1");
  EXPECT_FALSE(folder.find(key_of(2), why));
  EXPECT_EQ(why, "");
}

TEST(Folder, AnEntryUnderAnotherKeyIsRemoved) {
  const test::TemporaryFolder temporary;
  const Folder folder(temporary / "cache");
  std::filesystem::rename(add(folder, 1, 0), folder.entry_file(key_of(2)));
  std::string why;
  EXPECT_FALSE(folder.find(key_of(2), why));
  EXPECT_THAT(why, HasSubstr("another key"));
  EXPECT_THAT(folder.list(), IsEmpty());
}

TEST(Folder, TheEntriesUsedLastStayUnderTheCap) {
  const test::TemporaryFolder temporary;
  const Folder folder(temporary / "cache");
  add(folder, 1, 30);
  add(folder, 2, 10);
  add(folder, 3, 20);
  {
    const auto lock = folder.lock();
    folder.tidy(25000);
  }
  const auto left = folder.list();
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0].info.model, "2");
  EXPECT_EQ(left[1].info.model, "3");
}

TEST(Folder, FindingAnEntryIsAUse) {
  const test::TemporaryFolder temporary;
  const Folder folder(temporary / "cache");
  add(folder, 1, 30);
  add(folder, 2, 10);
  std::string why;
  folder.find(key_of(1), why);
  EXPECT_EQ(folder.list()[0].info.model, "1");
}

TEST(Folder, WhatAKilledWriterLeftIsRemoved) {
  const test::TemporaryFolder temporary;
  const Folder folder(temporary / "cache");
  add(folder, 1, 0);
  temporary.put("cache/entries/.pome-1.tmp", "half");
  const auto lock = folder.lock();
  folder.tidy(1 << 20);
  EXPECT_FALSE(std::filesystem::exists(temporary / "cache/entries/.pome-1.tmp"));
  EXPECT_EQ(folder.list().size(), 1U);
}

TEST(Folder, EntriesOfChangedOrDeletedSourcesGo) {
  const test::TemporaryFolder temporary;
  const Folder folder(temporary / "cache");
  const auto source = temporary.put("model", "v1");
  EntryInfo info;
  info.key = key_of(1);
  info.sources = {{source.native(), *base::open_file(source)->identity()}};
  {
    const auto lock = folder.lock();
    write_entry(folder.entry_file(info.key), info, {});
    folder.tidy(1 << 20);
    EXPECT_EQ(folder.list().size(), 1U);
    temporary.put("model", "another");
    folder.tidy(1 << 20);
  }
  EXPECT_THAT(folder.list(), IsEmpty());
}

TEST(Folder, RemembersDigestsOfFilesThatAreUnchanged) {
  const test::TemporaryFolder temporary;
  const Folder folder(temporary / "cache");
  const auto lock = folder.lock();
  base::FileIdentity identity{1, 2, 3, now() - 3'000'000'000, now() - 3'000'000'000};
  EXPECT_FALSE(folder.remembered(identity));
  folder.remember(identity, key_of(9));
  EXPECT_EQ(folder.remembered(identity), key_of(9));
  for (auto* field : {&identity.size, &identity.modified, &identity.changed}) {
    ++*field;
    EXPECT_FALSE(folder.remembered(identity));
    --*field;
  }
}

TEST(Folder, NothingIsRememberedOfAFileThatJustChanged) {
  const test::TemporaryFolder temporary;
  const Folder folder(temporary / "cache");
  const auto lock = folder.lock();
  const base::FileIdentity identity{1, 2, 3, now() - 500'000'000, now() - 3'000'000'000};
  folder.remember(identity, key_of(9));
  EXPECT_FALSE(folder.remembered(identity));
}

TEST(Folder, GarbageAboutASourceIsForgotten) {
  const test::TemporaryFolder temporary;
  const Folder folder(temporary / "cache");
  const auto lock = folder.lock();
  const base::FileIdentity identity{1, 2, 3, 4, 5};
  folder.remember(identity, key_of(9));
  for (const auto& file : std::filesystem::directory_iterator(temporary / "cache/sources")) {
    std::filesystem::permissions(file.path(), std::filesystem::perms::owner_all);
    std::ofstream(file.path()) << "{\"device\": \"x\"";
  }
  EXPECT_FALSE(folder.remembered(identity));
}

TEST(Folder, AFolderThatOthersMayWriteToIsRefused) {
  const test::TemporaryFolder temporary;
  std::filesystem::create_directories(temporary / "cache/entries");
  ASSERT_EQ(::chmod((temporary / "cache/entries").c_str(), 0777), 0);
  try {
    Folder(temporary / "cache").lock();
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("can be written to by others"));
  }
}

TEST(Folder, WithoutAFolderNothingIsFoundAndNothingIsMade) {
  const test::TemporaryFolder temporary;
  const Folder folder(temporary / "cache");
  std::string why;
  EXPECT_FALSE(folder.find(key_of(1), why));
  EXPECT_THAT(folder.list(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(temporary / "cache"));
}

}  // namespace
}  // namespace pome::cache
