// The completion script of bash, sourced by bash and asked as bash asks it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "fixtures.h"
#include "temporary_folder.h"

namespace pome::cli {
namespace {

class BashCompletion : public testing::Test {
 protected:
  void SetUp() override {
    const Finished script = run_pome({"completion", "bash"}, folder_.path());
    ASSERT_EQ(script.exit_code, 0) << script.err;
    folder_.put("pome.bash", script.out);
    folder_.put("Model.mlpackage/Manifest.json", "{}");
  }

  // What bash proposes for the last of these words.
  std::string proposals(const std::string& words) const {
    const std::string ask = "cd '" + folder_.path().native() +
                            "' && source pome.bash && COMP_WORDS=(" + words +
                            ") && COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) && _pome && "
                            "echo \"${COMPREPLY[*]}\" > answer";
    folder_.put("ask.bash", ask);
    const std::string command = "bash --norc '" + (folder_ / "ask.bash").native() + "'";
    EXPECT_EQ(std::system(command.c_str()), 0);  // NOLINT(concurrency-mt-unsafe,cert-env33-c)
    return test::TemporaryFolder::get(folder_ / "answer");
  }

  test::TemporaryFolder folder_;
};

TEST_F(BashCompletion, Commands) {
  EXPECT_EQ(proposals("pome pre"), "predict\n");
}

TEST_F(BashCompletion, OptionsOfTheCommand) {
  EXPECT_EQ(proposals("pome info --j"), "--json\n");
  EXPECT_EQ(proposals("pome predict x --co"), "--compute-units --color\n");
}

TEST_F(BashCompletion, Files) {
  EXPECT_EQ(proposals("pome info Mod"), "Model.mlpackage\n");
}

TEST_F(BashCompletion, TopicsOfHelp) {
  EXPECT_EQ(proposals("pome help exi"), "exit-codes\n");
}

TEST_F(BashCompletion, Shells) {
  EXPECT_EQ(proposals("pome completion f"), "fish\n");
}

}  // namespace
}  // namespace pome::cli
