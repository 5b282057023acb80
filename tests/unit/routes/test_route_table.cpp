#include <doctest/doctest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/base/thread.h"
#include "host/routes/route_table.h"

namespace modhost::host {
namespace {

using Json = nlohmann::json;
using Names = std::vector<std::string>;

Condition condition(std::vector<std::string> path, const Json& values) {
  return {std::move(path), std::make_shared<const Json>(values)};
}

Names targets(std::vector<Route> routes, const std::string& type,
              const Json& document = Json::object()) {
  Event event;
  event.type = type;
  event.body = document.dump();
  return RouteTable(std::move(routes)).targets(event);
}

bool matches(const Condition& one, const Json& document) {
  return !targets({{"*", {one}, {"m"}}}, "t", document).empty();
}

}  // namespace

TEST_SUITE("routes") {
  TEST_CASE("routes: an exact type matches itself alone") {
    const std::vector<Route> routes = {{"a.b", {}, {"m"}}};

    CHECK(targets(routes, "a.b") == Names{"m"});
    CHECK(targets(routes, "a.b.c").empty());
    CHECK(targets(routes, "a.").empty());
    CHECK(targets(routes, "A.B").empty());
    CHECK(targets(routes, "").empty());
  }

  TEST_CASE("routes: a trailing star matches every type with that beginning") {
    const std::vector<Route> routes = {{"a.*", {}, {"m"}}};

    CHECK(targets(routes, "a.b") == Names{"m"});
    CHECK(targets(routes, "a.") == Names{"m"});
    CHECK(targets(routes, "a").empty());
    CHECK(targets(routes, "b.a.b").empty());
    CHECK(targets({{"*", {}, {"m"}}}, "") == Names{"m"});
  }

  TEST_CASE("routes: a star elsewhere is a character like any other") {
    CHECK(targets({{"*.b", {}, {"m"}}}, "a.b").empty());
    CHECK(targets({{"*.b", {}, {"m"}}}, "*.b") == Names{"m"});
  }

  TEST_CASE(
      "routes: all matching routes apply and a module is named once in the order of the file") {
    const std::vector<Route> routes = {
        {"a", {}, {"two", "one"}}, {"b", {}, {"never"}}, {"a*", {}, {"one", "three", "two"}}};

    CHECK(targets(routes, "a") == Names{"two", "one", "three"});
  }

  TEST_CASE("routes: no route is no target") { CHECK(targets({}, "a").empty()); }

  TEST_CASE("routes: a condition steps through objects by its path") {
    const Condition name = condition({"payload", "name"}, {"x", "y"});

    CHECK(matches(name, {{"payload", {{"name", "x"}}}}));
    CHECK(matches(name, {{"payload", {{"name", "y"}}}}));
    CHECK_FALSE(matches(name, {{"payload", {{"name", "z"}}}}));
    CHECK_FALSE(matches(name, {{"payload", {{"other", "x"}}}}));
    CHECK_FALSE(matches(name, {{"payload", "x"}}));
    CHECK_FALSE(matches(name, {{"payload", Json::array({{{"name", "x"}}})}}));
    CHECK_FALSE(matches(name, Json::object()));
    CHECK_FALSE(matches(name, Json("x")));
  }

  TEST_CASE("routes: all conditions of a route must hold") {
    const std::vector<Route> routes = {
        {"*", {condition({"a"}, {1}), condition({"b"}, {2})}, {"m"}}};

    CHECK(targets(routes, "t", {{"a", 1}, {"b", 2}}) == Names{"m"});
    CHECK(targets(routes, "t", {{"a", 1}, {"b", 3}}).empty());
    CHECK(targets(routes, "t", {{"a", 1}}).empty());
  }

  TEST_CASE("routes: values are compared as JSON") {
    CHECK(matches(condition({"v"}, {8}), {{"v", 8}}));
    CHECK(matches(condition({"v"}, {8}), {{"v", 8.0}}));
    CHECK_FALSE(matches(condition({"v"}, {8}), {{"v", "8"}}));
    CHECK_FALSE(matches(condition({"v"}, {"8"}), {{"v", 8}}));
    CHECK_FALSE(matches(condition({"v"}, {"a"}), {{"v", "A"}}));
    CHECK(matches(condition({"v"}, {true}), {{"v", true}}));
    CHECK_FALSE(matches(condition({"v"}, {1}), {{"v", true}}));
    CHECK(matches(condition({"v"}, Json::array({nullptr})), {{"v", nullptr}}));
  }

  TEST_CASE("routes: a missing member is not null") {
    CHECK_FALSE(matches(condition({"v"}, Json::array({nullptr})), Json::object()));
  }

  TEST_CASE("routes: an array in the event matches when any of its elements does") {
    const Condition tool = condition({"tools"}, {"search", "draw"});

    CHECK(matches(tool, {{"tools", {"walk", "draw"}}}));
    CHECK_FALSE(matches(tool, {{"tools", {"walk"}}}));
    CHECK_FALSE(matches(tool, {{"tools", Json::array()}}));
    CHECK_FALSE(matches(tool, {{"tools", Json::array({Json::array({"draw"})})}}));
  }

  TEST_CASE("routes: an object in the event is no scalar and never matches one") {
    CHECK_FALSE(matches(condition({"v"}, {"a"}), {{"v", {{"a", "a"}}}}));
  }

  TEST_CASE("routes: a reader keeps the table it got while another is set") {
    CurrentRoutes current(
        std::make_shared<const RouteTable>(std::vector<Route>{{"*", {}, {"old"}}}));
    const auto kept = current.get();
    Event event;

    current.set(std::make_shared<const RouteTable>(std::vector<Route>{{"*", {}, {"new"}}}));

    CHECK(kept->targets(event) == Names{"old"});
    CHECK(current.get()->targets(event) == Names{"new"});
  }

  TEST_CASE("routes: a type is called by the pattern that names it most closely") {
    const RouteTable table(
        {{"a.*", {}, {"m"}}, {"a.b.*", {}, {"m"}}, {"a.b.c", {}, {"m"}}, {"a.b.c", {}, {"n"}}});
    const auto labelOf = [&](const char* type) {
      return table.typeLabels().at(table.typeLabel(type));
    };
    CHECK(table.typeLabels().size() == 4);
    CHECK(labelOf("a.b.c") == "a.b.c");
    CHECK(labelOf("a.b.d") == "a.b.*");
    CHECK(labelOf("a.c") == "a.*");
    CHECK(labelOf("b") == "other");
    CHECK(RouteTable({}).typeLabels().at(RouteTable({}).typeLabel("a")) == "other");
  }

  TEST_CASE("routes: readers and a writer may go on at once") {
    const auto table = std::make_shared<const RouteTable>(std::vector<Route>{{"*", {}, {"m"}}});
    CurrentRoutes current(table);
    std::atomic<int> right{0};
    {
      auto read = [&] {
        const Event event;
        for (int i = 0; i < 1000; ++i) {
          right += static_cast<int>(current.get()->targets(event).size());
        }
      };
      Thread one("one", read), two("two", read);
      for (int i = 0; i < 1000; ++i) current.set(std::make_shared<const RouteTable>(*table));
    }

    CHECK(right == 2000);
  }
}

}  // namespace modhost::host
