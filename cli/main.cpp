#include "program.h"

int main(int argc, char** argv) {
  return pome::cli::run(argc, argv);
}
