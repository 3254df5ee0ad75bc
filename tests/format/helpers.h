// What the tests of this room share.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "pome/error.h"
#include "shared_data.h"
#include "temporary_folder.h"

namespace pome::format {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::string text_of(const base::ByteSource& source) {
  base::Budget budget;
  return text_of(base::read_all(source, budget));
}

inline std::shared_ptr<const base::ByteSource> source_of(std::string_view text) {
  const auto bytes = bytes_of(text);
  return base::from_bytes("test", {bytes.begin(), bytes.end()});
}

/// The message of the Error that `f` throws, or "no error".
template <typename F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// Runs `f` on every shorter version of `content` and on versions with one byte changed: `f` may
/// return or throw Error, nothing else. Sanitizers watch the rest.
template <typename F>
void damage(const std::string& content, F&& f) {
  const auto survive = [&](const std::string& damaged) {
    try {
      f(damaged);
    } catch (const Error& error) {
      EXPECT_STRNE(error.what(), "");
    }
  };
  for (std::size_t length = 0; length < content.size(); ++length) {
    survive(content.substr(0, length));
  }
  for (std::size_t at = 0; at < content.size(); ++at) {
    for (const int change : {0x01, 0x80, 0xFF}) {
      std::string damaged = content;
      damaged[at] = static_cast<char>(damaged[at] ^ change);
      survive(damaged);
    }
  }
}

}  // namespace pome::format
