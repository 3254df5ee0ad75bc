#include "operations/notes.h"

#include <set>
#include <sstream>

#include "base/text.h"
#include "ops/op_def.h"
#include "pome/error.h"

namespace pome::docs {
namespace {

using base::cat;
using base::quoted;

class Reader {
 public:
  void line(const std::string& text) {
    ++number_;
    if (in_comment_ || text.starts_with("<!--")) {
      in_comment_ = text.find("-->") == std::string::npos;
    } else if (text.starts_with("## ")) {
      begin_note(text.substr(3));
    } else if (text.starts_with("# ")) {
      notes_.families.push_back({text.substr(2), {}, {}});
      current_.clear();
      wants_names_ = true;
    } else if (wants_names_ && !text.empty()) {
      wants_names_ = false;
      begin_family(text);
    } else if (!text.empty()) {
      add(text);
    }
  }

  Notes finish() {
    for (const auto* def : ops::all()) {
      if (!placed_.contains(std::string(def->name))) fail(cat(def->name, " is in no family"));
    }
    return std::move(notes_);
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw Error(ErrorCode::io, cat("operations_notes.md, line ", number_, ": ", what));
  }

  void check(const std::string& op) const {
    if (!ops::find(op)) fail(cat("there is no operation ", quoted(op)));
  }

  void begin_family(const std::string& names) {
    std::istringstream words(names);
    for (std::string op; words >> op;) {
      check(op);
      if (!placed_.insert(op).second) fail(cat(op, " is in two families"));
      notes_.families.back().operations.push_back(op);
    }
  }

  void begin_note(const std::string& names) {
    if (notes_.families.empty()) fail("a note stands before the first family");
    current_.clear();
    std::istringstream words(names);
    for (std::string op; words >> op;) {
      if (op.back() == ',') op.pop_back();
      check(op);
      current_.push_back(op);
    }
  }

  void add(const std::string& text) {
    if (notes_.families.empty()) fail("text stands before the first family");
    const auto append = [&](std::string& to) { to += cat(to.empty() ? "" : "\n\n", text); };
    if (current_.empty()) append(notes_.families.back().text);
    for (const auto& op : current_) append(notes_.operations[op]);
  }

  Notes notes_;
  std::set<std::string> placed_;
  std::vector<std::string> current_;
  int number_ = 0;
  bool wants_names_ = false, in_comment_ = false;
};

}  // namespace

Notes parse_notes(std::string_view text) {
  Reader reader;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) reader.line(line);
  return reader.finish();
}

}  // namespace pome::docs
