# cmake -DBUILD=… -DWORK=… … -P package_test.cmake: see CMakeLists.txt. Each section is one promise.

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\nreturned ${result}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# configure(NAME FOLDER OPTIONS…): the project in FOLDER, built as NAME, with nothing but the installed package.
function(configure name folder)
  run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${folder} -B ${WORK}/build/${name}
      -DCMAKE_PREFIX_PATH=${WORK}/prefix -DCMAKE_BUILD_TYPE=Debug
      -DCMAKE_C_COMPILER=${C_COMPILER} -DCMAKE_CXX_COMPILER=${CXX_COMPILER} ${ARGN})
endfunction()

function(expect_note module id)
  run(${READELF} -nW ${module})
  # readelf prints the content as hex bytes; the id stands in it as ASCII.
  string(HEX "${id}" hex)
  string(REGEX REPLACE "(..)" "\\1 " hex ${hex})
  if(NOT output MATCHES "modhost +0x000000b0" OR NOT output MATCHES "${hex}00")
    message(FATAL_ERROR "${module}: its note is gone or does not name ${id}:\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})

# The package installs by itself, and its template and example are in it.
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix --component plugin-api)
set(template ${WORK}/prefix/${DATA}/template)
set(example_c ${WORK}/prefix/${DATA}/example-c)

# The template and the C example build and export the one function (modhost_add_module checks that).
foreach(name IN ITEMS template example_c)
  configure(${name} ${${name}} -DMODHOST_MODULES_OUTPUT_DIRECTORY=${WORK}/modules
            "-DCMAKE_C_FLAGS=${FLAGS}" "-DCMAKE_CXX_FLAGS=${FLAGS}")
  run(${CMAKE_COMMAND} --build ${WORK}/build/${name})
endforeach()
expect_note(${WORK}/modules/my-module.so my-module)
expect_note(${WORK}/modules/c-module.so c-module)

# The note outlives strip, link-time optimisation and the removal of unused sections.
set(hard "-O2 -flto -ffunction-sections -fdata-sections")
configure(optimised ${template} "-DCMAKE_CXX_FLAGS=${hard}"
          "-DCMAKE_MODULE_LINKER_FLAGS=-Wl,--gc-sections")
run(${CMAKE_COMMAND} --build ${WORK}/build/optimised)
run(${STRIP} -s ${WORK}/build/optimised/my-module.so)
expect_note(${WORK}/build/optimised/my-module.so my-module)

# A library without the entry function does not build, and the message says what is missing.
configure(no_entry ${SOURCE}/no_entry)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build/no_entry
                RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
# CMake wraps its messages, by the length of the path in them.
string(REGEX REPLACE "[ \n]+" " " said "${output}")
if(NOT result OR NOT said MATCHES "must export modhost_module_v1")
  message(FATAL_ERROR "a module without MODHOST_EXPORT_MODULE was built:\n${output}")
endif()
