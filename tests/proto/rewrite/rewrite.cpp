// Reads models with the generated structs and writes them again, for check_protobuf.py:
//
//     proto_rewrite LIST          each line of LIST: the file to read, a tab, the file to write
//
// Fields that the schemas do not know are dropped, so that a field that the structs lack shows.
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "base/budget.h"
#include "pome/error.h"
#include "proto/Model.pb.h"

namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool rewrite(const std::string& from, const std::string& to) {
  const std::string bytes = contents(from);
  pome::base::Budget budget;
  try {
    const auto model =
        pome::proto::parse<pome::proto::Model>(std::as_bytes(std::span(bytes)), budget);
    std::ofstream(to, std::ios::binary)
        << pome::proto::serialize(model, pome::proto::Unknown::drop);
    return true;
  } catch (const pome::Error& error) {
    std::cerr << from << ": " << error.what() << '\n';
    return false;
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  std::ifstream list(arguments[1]);
  bool good = true;
  for (std::string from, to; std::getline(list, from, '\t') && std::getline(list, to);) {
    good = rewrite(from, to) && good;
  }
  return good ? 0 : 1;
}
