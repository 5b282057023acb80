#include "tests/unit/plugin-api/fake_host.h"

using namespace modhost;
using namespace modhost::test;

TEST_SUITE("echo") {
  TEST_CASE("echo: answers with what the user wrote") {
    const LoadedFile file(ECHO_FILE);
    FakeHost host;
    HostedModule module(host, file.module());

    const End end = module.handle(chosen("Grüezi"));

    CHECK(end.kind == MODHOST_OK);
    REQUIRE(host.calls().size() == 1);
    CHECK(host.calls()[0].name() == "PATCH /messages/msg_a");
    CHECK(host.calls()[0].json() == Json{{"chatId", "chat_1"}, {"text", "You said: Grüezi"}});
  }
}
