# modhost_embed(HEADER NAMESPACE NAME FILE [NAME FILE …]): writes a header in which each NAME is a std::string_view of the
# FILE's bytes as they are. A file that changes configures and builds again.
function(modhost_embed header namespace)
  set(text "// Made by CMake: files as bytes.\n#pragma once\n\n#include <string_view>\n\n")
  # Every compiler here takes longer literals than the standard demands.
  string(APPEND text "#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n")
  string(APPEND text "namespace ${namespace} {\n")
  set(files ${ARGN})
  while(files)
    list(POP_FRONT files name file)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} bytes HEX)
    string(LENGTH "${bytes}" digits)
    math(EXPR size "${digits} / 2")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${bytes}")
      # Sixteen bytes a line.
    string(REGEX REPLACE "(................................................................)" "\\1\"\n\"" bytes "${bytes}")
    string(APPEND text "inline constexpr std::string_view ${name}(\n\"${bytes}\", ${size});\n")
  endwhile()
  string(APPEND text "}  // namespace ${namespace}\n#pragma GCC diagnostic pop\n")
  file(CONFIGURE OUTPUT ${header} CONTENT "@text@" @ONLY)
endfunction()
