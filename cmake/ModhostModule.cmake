# modhost_add_module(NAME SOURCES…): a shared library that modhost can load, called NAME.so.
#
# Used alike inside this project and, after find_package(modhost), outside it. It
#   - exports the one entry symbol and hides everything else: a version script and --exclude-libs, so that
#     two modules never see each other's functions or the libraries linked into them;
#   - keeps the library unloadable: g++ marks some statics of the standard library STB_GNU_UNIQUE, which
#     pins a library in memory for ever and shares those statics between modules. clang has no such flag
#     and needs none; the version script makes what is left local;
#   - resolves every symbol when it is loaded (-z now) and refuses to link with one missing (-z defs), so
#     that a mistake shows at build or load, not at the first event;
#   - checks after linking that the entry symbol is the only one.
# In-tree the file goes to MODHOST_MODULES_OUTPUT_DIRECTORY; outside, set that variable or take CMake's place.

function(modhost_add_module name)
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE modhost::plugin_api)
  set_target_properties(${name} PROPERTIES
    PREFIX "" OUTPUT_NAME ${name} SUFFIX .so
    POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  if(MODHOST_MODULES_OUTPUT_DIRECTORY)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${MODHOST_MODULES_OUTPUT_DIRECTORY})
  endif()
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)

  set(exports ${CMAKE_CURRENT_BINARY_DIR}/${name}.map)
  file(CONFIGURE OUTPUT ${exports} CONTENT "{ global: modhost_module_v1; local: *; };\n")
  target_link_options(${name} PRIVATE
    LINKER:--version-script=${exports} LINKER:--exclude-libs,ALL LINKER:-z,now LINKER:--build-id)
  set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${exports})
  # A sanitizer's runtime is in the program, not in the module: its symbols are missing here on purpose.
  if(NOT "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize")
    target_link_options(${name} PRIVATE LINKER:-z,defs)
  endif()

  # The script stands beside this file, in the project and where it is installed.
  add_custom_command(TARGET ${name} POST_BUILD VERBATIM
    COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} -DMODULE=$<TARGET_FILE:${name}>
            -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/ModhostCheckExports.cmake)
endfunction()
