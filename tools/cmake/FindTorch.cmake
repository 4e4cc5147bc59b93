# The libtorch to build against, as TORCH_INCLUDE_DIRS and TORCH_LIBRARIES:
#   -DTORCH2NNEF_TORCH_WHEEL=DIR     a folder of Python's torch (site-packages/torch), or of libtorch's archive
#   -DTORCH2NNEF_TORCH_WHEEL=PYTHON  the torch that this interpreter would import
#   -DTorch_DIR=DIR                  the folder of a TorchConfig.cmake
#   (nothing)                        the system's package
# A folder (TORCH2NNEF_TORCH_FOLDER, when it is one) is linked by the path of its libraries, which the programs then find
# by their RPATH, the installed ones, too (torch2nnef_find_torch_when_installed). Its own TorchConfig.cmake is not asked:
# in a wheel it wants a CUDA toolkit, of which nothing is used here.
set(TORCH2NNEF_TORCH_WHEEL "" CACHE STRING "Folder of Python's torch to build against, or a Python that has one")

# torch2nnef_torch_of_python(PYTHON RESULT): where its torch stands. It is not imported, which would load all of CUDA.
function(torch2nnef_torch_of_python python result)
  set(ask "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')")
  execute_process(COMMAND ${python} -c "${ask}" OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE
                  RESULT_VARIABLE failed)
  if(failed OR folder STREQUAL "")
    message(FATAL_ERROR "TORCH2NNEF_TORCH_WHEEL: ${python} has no torch; install one (pip install torch) or name a folder")
  endif()
  set(${result} ${folder} PARENT_SCOPE)
endfunction()

# torch2nnef_torch_folder(FOLDER): its headers, and what of it is linked. libtorch.so is left out: it is empty, and loads
# the CUDA half of a wheel.
function(torch2nnef_torch_folder folder)
  foreach(needed include/ATen/ATen.h include/torch/csrc/api/include/torch/version.h lib/libtorch_cpu.so lib/libc10.so)
    if(NOT EXISTS ${folder}/${needed})
      message(FATAL_ERROR "TORCH2NNEF_TORCH_WHEEL: ${folder} holds no libtorch: there is no ${needed} in it")
    endif()
  endforeach()
  set(config ${folder}/share/cmake/Torch/TorchConfig.cmake)
  if(EXISTS ${config})
    file(STRINGS ${config} old_strings REGEX "_GLIBCXX_USE_CXX11_ABI=0")
    if(old_strings)
      message(FATAL_ERROR "${folder} was compiled with the old std::string, which the system's libraries do not share: "
                          "take torch 2.7 or later")
    endif()
  endif()
  # Torch's own headers, without those of other libraries that lie beside them: fmt is the system's.
  set(headers ${CMAKE_BINARY_DIR}/torch-include)
  file(MAKE_DIRECTORY ${headers})
  foreach(name ATen c10 caffe2 torch)
    file(CREATE_LINK ${folder}/include/${name} ${headers}/${name} SYMBOLIC)
  endforeach()
  set(TORCH_INCLUDE_DIRS ${headers} ${headers}/torch/csrc/api/include PARENT_SCOPE)
  set(TORCH_LIBRARIES ${folder}/lib/libtorch_cpu.so ${folder}/lib/libc10.so PARENT_SCOPE)
  message(STATUS "torch: ${folder}")
endfunction()

set(TORCH2NNEF_TORCH_FOLDER "")
if(TORCH2NNEF_TORCH_WHEEL)
  get_filename_component(TORCH2NNEF_TORCH_FOLDER ${TORCH2NNEF_TORCH_WHEEL} ABSOLUTE BASE_DIR ${CMAKE_SOURCE_DIR})
  if(NOT IS_DIRECTORY ${TORCH2NNEF_TORCH_FOLDER})
    torch2nnef_torch_of_python(${TORCH2NNEF_TORCH_WHEEL} TORCH2NNEF_TORCH_FOLDER)
  endif()
elseif(Torch_DIR)  # share/cmake/Torch
  get_filename_component(TORCH2NNEF_TORCH_FOLDER ${Torch_DIR}/../../.. ABSOLUTE)
  if(NOT EXISTS ${TORCH2NNEF_TORCH_FOLDER}/lib/libtorch_cpu.so)
    set(TORCH2NNEF_TORCH_FOLDER "")
  endif()
endif()

if(TORCH2NNEF_TORCH_FOLDER)
  torch2nnef_torch_folder(${TORCH2NNEF_TORCH_FOLDER})
else()
  find_package(Torch REQUIRED CONFIG)
endif()

# Linked, and nothing else: who needs the headers names TORCH_INCLUDE_DIRS.
add_library(torch2nnef_libtorch INTERFACE IMPORTED)
foreach(library IN LISTS TORCH_LIBRARIES)
  set_property(TARGET torch2nnef_libtorch APPEND PROPERTY INTERFACE_LINK_LIBRARIES "$<LINK_ONLY:${library}>")
endforeach()
if(TORCH2NNEF_TORCH_FOLDER)  # what libtorch_cpu.so itself loads (CUDA's measuring tools) is looked for when a program starts
  set_property(TARGET torch2nnef_libtorch PROPERTY INTERFACE_LINK_OPTIONS "LINKER:--allow-shlib-undefined")
endif()
set(TORCH_LIBRARIES torch2nnef_libtorch)
set(Torch_FOUND TRUE)

# Of the folders that it links, CMake itself installs the names of those outside of this project alone; tools/get-torch
# puts libtorch into the build folder.
function(torch2nnef_find_torch_when_installed target)
  if(TORCH2NNEF_TORCH_FOLDER)
    set_property(TARGET ${target} APPEND PROPERTY INSTALL_RPATH ${TORCH2NNEF_TORCH_FOLDER}/lib)
  endif()
endfunction()
