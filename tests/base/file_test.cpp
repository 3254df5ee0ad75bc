#include "base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/atomic_file.h"
#include "base/descriptor.h"
#include "pome/error.h"
#include "temporary_folder.h"

namespace pome::base {
namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;
using testing::HasSubstr;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string text_of(const ByteSource& source, std::int64_t offset, std::size_t length) {
  std::string out(length, '\0');
  source.read(offset, std::as_writable_bytes(std::span(out.data(), out.size())));
  return out;
}

template <typename F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::io);
    return error.what();
  }
  return "no error";
}

TEST(File, ReadsRanges) {
  const TemporaryFolder folder;
  const auto source = open_file(folder.put("a", "0123456789"));
  EXPECT_EQ(source->size(), 10);
  EXPECT_EQ(text_of(*source, 3, 4), "3456");
  EXPECT_EQ(text_of(*source, 10, 0), "");
  EXPECT_TRUE(source->memory().empty());
}

TEST(File, RefusesRangesOutside) {
  const TemporaryFolder folder;
  const auto file = open_file(folder.put("a", "0123456789"));
  const auto memory = from_bytes("memory", std::vector<std::byte>(10));
  for (const auto& source : {file, memory}) {
    EXPECT_THAT(error_of([&] { text_of(*source, 7, 4); }), HasSubstr("has 10 bytes, expected 4"));
    EXPECT_THAT(error_of([&] { text_of(*source, -1, 1); }), HasSubstr("at offset -1"));
    EXPECT_THAT(error_of([&] { text_of(*source, INT64_MAX, 1); }), HasSubstr("expected 1"));
  }
}

TEST(File, NoticesThatItGotShorter) {
  const TemporaryFolder folder;
  const auto path = folder.put("a", "0123456789");
  const auto source = open_file(path);
  fs::resize_file(path, 5);
  EXPECT_THAT(error_of([&] { text_of(*source, 0, 10); }), HasSubstr("got shorter"));
}

TEST(File, OnlyRegularFilesOpen) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { open_file(folder / "none"); }), HasSubstr("No such file"));
  EXPECT_THAT(error_of([&] { open_file(folder.path()); }), HasSubstr("is a folder"));
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(error_of([&] { open_file(folder / "pipe"); }), HasSubstr("not a regular file"));
}

TEST(File, FollowsALinkThatTheUserNamed) {
  const TemporaryFolder folder;
  fs::create_symlink(folder.put("a", "x"), folder / "link");
  EXPECT_EQ(open_file(folder / "link")->size(), 1);
}

TEST(File, SourcesPastTwoGigabytesRead) {
  const TemporaryFolder folder;
  const auto path = folder.put("a", "");
  fs::resize_file(path, (std::uintmax_t{5} << 30) + 3);
  const auto source = open_file(path);
  EXPECT_EQ(source->size(), (std::int64_t{5} << 30) + 3);
  EXPECT_EQ(text_of(*source, std::int64_t{5} << 30, 3), std::string(3, '\0'));
}

TEST(File, ReadAllAsksTheBudget) {
  const TemporaryFolder folder;
  const auto source = open_file(folder.put("a", "0123456789"));
  Budget enough(10);
  EXPECT_EQ(read_all(*source, enough).size(), 10U);
  Budget small(9);
  EXPECT_THROW(read_all(*source, small), Error);
}

TEST(File, MemoryKeepsItsOwner) {
  auto owner = std::make_shared<std::string>("abc");
  const std::weak_ptr<std::string> watch = owner;
  const auto source = from_memory("m", bytes_of(*owner), owner);
  owner.reset();
  EXPECT_FALSE(watch.expired());
  EXPECT_EQ(text_of(*source, 1, 2), "bc");
}

class OpenBeneath : public testing::TestWithParam<Resolver> {
 protected:
  std::string refused(const fs::path& relative) const {
    return error_of([&] { open_descriptor_beneath(folder_ / "in", relative, GetParam()); });
  }
  void SetUp() override {
    folder_.put("secret", "s");
    folder_.put("in/dir/file", "content");
    const bool opens =
        static_cast<bool>(open_descriptor_beneath(folder_ / "in", "dir/file", Resolver::automatic));
    ASSERT_TRUE(opens);
    if (GetParam() == Resolver::kernel &&
        refused("dir/file").find("not implemented") != std::string::npos) {
      GTEST_SKIP() << "this kernel has no openat2";
    }
  }

  TemporaryFolder folder_;
};

TEST_P(OpenBeneath, OpensFilesAndFolders) {
  for (const char* path : {"dir/file", "./dir/./file", "dir//file", "dir", "dir/", "."}) {
    EXPECT_TRUE(open_descriptor_beneath(folder_ / "in", path, GetParam())) << path;
  }
}

TEST_P(OpenBeneath, RefusesToLeave) {
  EXPECT_THAT(refused((folder_ / "secret")), HasSubstr("is absolute"));
  EXPECT_THAT(refused("../secret"), HasSubstr("leaves the folder"));
  EXPECT_THAT(refused("dir/../../secret"), HasSubstr("leaves the folder"));
  EXPECT_THAT(refused("dir/../dir/file"), HasSubstr("leaves the folder"));
  EXPECT_THAT(refused(""), HasSubstr("is empty"));
  EXPECT_THAT(refused(std::string("dir\0x", 5)), HasSubstr("zero byte"));
}

TEST_P(OpenBeneath, RefusesLinksAnywhere) {
  fs::create_symlink(folder_ / "secret", folder_ / "in/link");
  fs::create_symlink("dir", folder_ / "in/inner");
  fs::create_symlink("nowhere", folder_ / "in/dangling");
  EXPECT_THAT(refused("link"), HasSubstr("link"));
  EXPECT_THAT(refused("inner/file"), HasSubstr("passes through a link"));
  EXPECT_THAT(refused("dangling"), HasSubstr("passes through a link"));
}

TEST_P(OpenBeneath, SaysWhatIsMissing) {
  EXPECT_THAT(refused("dir/none"), HasSubstr("dir/none': No such file"));
  EXPECT_THAT(refused("dir/file/more"), HasSubstr("Not a directory"));
}

INSTANTIATE_TEST_SUITE_P(Resolvers, OpenBeneath,
                         testing::Values(Resolver::automatic, Resolver::kernel, Resolver::walk));

TEST(File, OpenBeneathReadsTheFile) {
  const TemporaryFolder folder;
  folder.put("dir/file", "content");
  EXPECT_EQ(text_of(*open_beneath(folder.path(), "dir/file"), 0, 7), "content");
  EXPECT_THAT(error_of([&] { open_beneath(folder.path(), "dir"); }), HasSubstr("is a folder"));
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(WriteFile, WritesAndReplaces) {
  const TemporaryFolder folder;
  write_file(folder / "a", bytes_of("one"));
  write_file(folder / "a", bytes_of("second"));
  EXPECT_EQ(TemporaryFolder::get(folder / "a"), "second");
  EXPECT_EQ(entries(folder.path()), 1U);
}

TEST(WriteFile, LeavesNothingWhenItFails) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "taken/inside");
  EXPECT_THAT(error_of([&] { write_file(folder / "taken", bytes_of("x")); }),
              HasSubstr("cannot write"));
  EXPECT_EQ(entries(folder.path()), 1U);
  EXPECT_THAT(error_of([&] { write_file(folder / "none/a", bytes_of("x")); }),
              HasSubstr("No such file"));
}

TEST(AtomicFile, IsInvisibleUntilCommitted) {
  const TemporaryFolder folder;
  folder.put("a", "old");
  {
    AtomicFile file(folder / "a");
    file.append(bytes_of("new"));
    EXPECT_EQ(TemporaryFolder::get(folder / "a"), "old");
  }
  EXPECT_EQ(TemporaryFolder::get(folder / "a"), "old");
  EXPECT_EQ(entries(folder.path()), 1U);
}

TEST(AtomicFile, OverwritesWhatWasAppended) {
  const TemporaryFolder folder;
  AtomicFile file(folder / "a");
  file.append(bytes_of("0123456789"));
  file.overwrite(2, bytes_of("xy"));
  EXPECT_THROW(file.overwrite(9, bytes_of("xy")), Error);
  EXPECT_THROW(file.overwrite(-1, bytes_of("x")), Error);
  file.commit();
  EXPECT_EQ(TemporaryFolder::get(folder / "a"), "01xy456789");
}

}  // namespace
}  // namespace pome::base
