# cmake -DNM=nm -DMODULE=file.so -P ModhostCheckExports.cmake: fails unless the one symbol that file.so
# exports is modhost_module_v1.
execute_process(COMMAND ${NM} -D --defined-only ${MODULE}
                OUTPUT_VARIABLE symbols RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE)
if(failed)
  message(FATAL_ERROR "${MODULE}: its exported symbols cannot be read (${NM} returned ${failed})")
endif()
if(symbols STREQUAL "")
  set(symbols "nothing")
endif()
if(NOT symbols MATCHES "^[0-9a-f]+ T modhost_module_v1$")
  message(FATAL_ERROR "${MODULE}: must export modhost_module_v1 and nothing else "
                      "(is there one MODHOST_EXPORT_MODULE?), but exports:\n${symbols}")
endif()
