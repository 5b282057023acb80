# modhost_flags: the warnings and definitions every target of this project is built with.
# -Werror is not here but in the presets, so that a packager's newer compiler does not break the build.
find_program(MODHOST_CCACHE ccache)
if(MODHOST_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${MODHOST_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${MODHOST_CCACHE})
endif()

# -O3 costs a third of the build's time more and gains nothing here: the way of an event waits for the disk.
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

add_library(modhost_flags INTERFACE)
target_include_directories(modhost_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(modhost_flags INTERFACE MODHOST_VERSION="${PROJECT_VERSION}")
target_compile_options(modhost_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  # GCC 12 reports `"text" + string` in its own headers (GCC bug 105651, fixed in 13).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)

# modhost_folder(NAME SOURCES … LINK …): the STATIC target of one host folder. What it links *is* the
# dependency picture of ARCHITECTURE.md; tests/tidy checks the includes against the same arrows.
function(modhost_folder name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(modhost_${name} STATIC ${ARG_SOURCES})
  add_library(modhost::${name} ALIAS modhost_${name})
  target_link_libraries(modhost_${name} PUBLIC modhost_flags ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
endfunction()
