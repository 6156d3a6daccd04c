"""``python -m controller …`` is ``yunxun …``, for where the script is not on the PATH."""

from controller.cli import main

if __name__ == "__main__":
    main()
