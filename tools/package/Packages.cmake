# `cpack` in the build folder makes a .tar.gz and, of a build with the system's libtorch, a .deb that depends on it.
set(CPACK_PACKAGE_NAME torch2nnef)
set(CPACK_PACKAGE_CONTACT "torch2nnef maintainers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_FILE_NAME ${PROJECT_NAME}-${PROJECT_VERSION}-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_GENERATOR TGZ)
if(NOT TORCH2NNEF_TORCH_FOLDER)
  list(APPEND CPACK_GENERATOR DEB)
endif()
set(CPACK_STRIP_FILES ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)  # libtorch, fmt and the others, by the libraries that the programs load
# Its own libraries are in the package; without this, the tool that looks for dependencies does not find them.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR})
include(CPack)
