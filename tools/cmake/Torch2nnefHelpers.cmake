# Our own warnings on our own targets; and text files embedded as C++ string literals.

function(t2n_target_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wnon-virtual-dtor)
  if(TORCH2NNEF_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# t2n_embed(TARGET OUTPUT_BASENAME FILE...): generates OUTPUT_BASENAME.cc with
#   namespace torch2nnef_embedded { struct File { std::string_view name, text; }; extern const std::vector<File>& OUTPUT_BASENAME(); }
function(t2n_embed target basename)
  set(generated ${CMAKE_CURRENT_BINARY_DIR}/${basename}.cc)
  add_custom_command(
    OUTPUT ${generated}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${generated} -DNAME=${basename} "-DFILES=${ARGN}"
            -P ${PROJECT_SOURCE_DIR}/tools/cmake/Embed.cmake
    DEPENDS ${ARGN} ${PROJECT_SOURCE_DIR}/tools/cmake/Embed.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${generated})
endfunction()
