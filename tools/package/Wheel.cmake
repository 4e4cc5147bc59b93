# The programs that a wheel of tools/python carries (`cmake --install BUILD --component wheel`): what they load is libtorch,
# by its name alone, fmt, which lies beside them, and the C++ runtime.
add_library(tar_and_zip_only OBJECT ${CMAKE_CURRENT_LIST_DIR}/tar_and_zip_only.cc)
t2n_target_warnings(tar_and_zip_only)
foreach(program torch2nnef-cli tract-run)
  target_link_libraries(${program} PRIVATE tar_and_zip_only)
  target_link_options(${program} PRIVATE LINKER:--exclude-libs,ALL)
  set_target_properties(${program} PROPERTIES INSTALL_RPATH $ORIGIN INSTALL_RPATH_USE_LINK_PATH OFF)
  install(TARGETS ${program} RUNTIME DESTINATION bin COMPONENT wheel)
endforeach()
get_target_property(fmt_soname fmt::fmt IMPORTED_SONAME_NONE)
install(FILES $<TARGET_FILE:fmt::fmt> DESTINATION bin RENAME ${fmt_soname} COMPONENT wheel)
