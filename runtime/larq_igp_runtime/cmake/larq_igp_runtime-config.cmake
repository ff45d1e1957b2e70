# find_package(larq_igp_runtime) in the Python package: larq_igp_runtime::larq_igp_runtime. Where:
#
#   python -c "import larq_igp_runtime; print(larq_igp_runtime.cmake_dir())"
get_filename_component(package "${CMAKE_CURRENT_LIST_DIR}" DIRECTORY)
if(NOT TARGET larq_igp_runtime::larq_igp_runtime)
  add_library(larq_igp_runtime::larq_igp_runtime SHARED IMPORTED)
  set_target_properties(larq_igp_runtime::larq_igp_runtime PROPERTIES
    IMPORTED_LOCATION "${package}/liblarq_igp_runtime.so"
    IMPORTED_SONAME liblarq_igp_runtime.so
    INTERFACE_INCLUDE_DIRECTORIES "${package}/include")
endif()
unset(package)
