# find_package(larq_igp_runtime) in the Python package: larq_igp_runtime::larq_igp_runtime. Where:
#
#   python -c "import larq_igp_runtime; print(larq_igp_runtime.cmake_dir())"
get_filename_component(package "${CMAKE_CURRENT_LIST_DIR}" DIRECTORY)
if(NOT EXISTS "${package}/liblarq_igp_runtime.so")
  set(larq_igp_runtime_FOUND FALSE)
  set(larq_igp_runtime_NOT_FOUND_MESSAGE "${package}/liblarq_igp_runtime.so is missing: install \
the package, which compiles it (pip install ./runtime in a checkout).")
elseif(NOT TARGET larq_igp_runtime::larq_igp_runtime)
  add_library(larq_igp_runtime::larq_igp_runtime SHARED IMPORTED)
  set_target_properties(larq_igp_runtime::larq_igp_runtime PROPERTIES
    IMPORTED_LOCATION "${package}/liblarq_igp_runtime.so"
    IMPORTED_SONAME liblarq_igp_runtime.so
    INTERFACE_INCLUDE_DIRECTORIES "${package}/include")
endif()
unset(package)
