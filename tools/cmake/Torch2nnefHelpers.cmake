# Our own warnings on our own targets, precompiled headers, and text files embedded as C++ string literals.

function(t2n_target_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor)
  # False alarms of GCC: a moved std::variant or std::optional is said to read what it does not hold; and of GCC 12,
  # `"literal" + std::string` to copy overlapping memory (its bug 105651).
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
    if(CMAKE_CXX_COMPILER_VERSION MATCHES "^12\\.")
      target_compile_options(${target} PRIVATE -Wno-restrict)
    endif()
  endif()
  if(TORCH2NNEF_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# Compiles the sources of each folder four at a time: most of a file's time goes into the headers that it shares with its
# neighbours. Names in anonymous namespaces must be unique within a folder.
function(t2n_unity target)
  if(NOT TORCH2NNEF_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS sources)
    get_filename_component(folder ${source} ABSOLUTE)
    get_filename_component(folder ${folder} DIRECTORY)
    file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR}/src ${folder})
    string(MAKE_C_IDENTIFIER "${folder}" folder)
    math(EXPR batch "${count_${folder}} + 0")
    math(EXPR count_${folder} "${batch} + 1")
    math(EXPR batch "${batch} / 4")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${folder}_${batch})
  endforeach()
endfunction()

# target_precompile_headers, with what ccache needs to see which headers went into one.
function(t2n_precompile_headers target header)
  target_precompile_headers(${target} PRIVATE ${header})
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    target_compile_options(${target} PRIVATE -fpch-preprocess)
  endif()
endfunction()

# t2n_embed(TARGET OUTPUT_BASENAME FILE...): generates OUTPUT_BASENAME.cc with the function OUTPUT_BASENAME that
# src/nnef/embedded.h declares.
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

# t2n_shared_library(TARGET FILE EXPORT_NAME): lib<FILE>.so with its version, installed as torch2nnef::<EXPORT_NAME>.
# Before 1.0 every minor release may change the ABI.
function(t2n_shared_library target file export_name)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${file} EXPORT_NAME ${export_name} VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}
    INTERFACE_COMPILE_FEATURES cxx_std_20)
  target_link_options(${target} PRIVATE LINKER:--no-undefined)
endfunction()

# t2n_public_headers(TARGET HEADER...): paths below src. They are installed, and each is compiled by itself
# (`cmake --build BUILD --target all_verify_interface_header_sets`).
function(t2n_public_headers target)
  list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/src/)
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${ARGN})
  install(TARGETS ${target} EXPORT torch2nnef LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime
          NAMELINK_COMPONENT development
          FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/torch2nnef COMPONENT development)
endfunction()
