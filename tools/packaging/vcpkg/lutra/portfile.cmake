# An overlay port of the checkout it lies in: vcpkg install lutra --overlay-ports=lutra/tools/packaging/vcpkg
# (vcpkg keeps what it has installed until the port itself changes: after an update of the checkout, `vcpkg remove lutra` first.)
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)
set(VCPKG_BUILD_TYPE release)  # headers are the same for both

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS INVERTED_FEATURES simd LUTRA_SCALAR_ONLY)
vcpkg_cmake_configure(SOURCE_PATH "${SOURCE_PATH}"
                      OPTIONS ${FEATURE_OPTIONS} -DLUTRA_BUILD_TESTS=OFF -DLUTRA_BUILD_BENCH=OFF -DLUTRA_BUILD_EXAMPLES=OFF
                              -DLUTRA_BUILD_TOOLS=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/lutra)
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/doc")  # the copyright has its own place
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
