"""The faces: each an ASGI app with its own error map. A face translates names, shapes and errors; it holds no logic."""
