# Manual pages and completions, which the host makes of its own parser and table, in a moment. They are of the component
# runtime: in `make install` and in the package.
set(manuals ${CMAKE_BINARY_DIR}/manuals)

# modhost_prints(FOLDER/FILE ARGUMENTS…): what `modhost ARGUMENTS` prints, installed as that file of the data folder.
function(modhost_prints path)
  get_filename_component(folder ${path} DIRECTORY)
  file(MAKE_DIRECTORY ${manuals}/${folder})
  add_custom_command(OUTPUT ${manuals}/${path} DEPENDS modhost VERBATIM
                     COMMAND $<TARGET_FILE:modhost> ${ARGN} > ${manuals}/${path})
  install(FILES ${manuals}/${path} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder} COMPONENT runtime)
  set(made_manuals ${made_manuals} ${manuals}/${path} PARENT_SCOPE)
endfunction()

modhost_prints(man/man1/modhost.1 manual modhost)
modhost_prints(man/man5/modules.yaml.5 manual modules.yaml)
modhost_prints(bash-completion/completions/modhost completion bash)
modhost_prints(zsh/vendor-completions/_modhost completion zsh)
modhost_prints(fish/vendor_completions.d/modhost.fish completion fish)

add_custom_target(manuals ALL DEPENDS ${made_manuals})
