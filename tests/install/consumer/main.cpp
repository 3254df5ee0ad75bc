// Uses what crosses the library's border: a function, a class with a vtable, a caught exception.
#include <pome/data_type.h>
#include <pome/error.h>

#include <iostream>

int main() {
  try {
    throw pome::Error(pome::ErrorCode::io, "gone").within("weights");
  } catch (const std::exception& error) {
    std::cout << pome::name(pome::DataType::fp16) << ' ' << error.what() << '\n';
  }
}
