"""Fashion-MNIST: do networks with shorter gradient paths train better at the same cost?

python -m experiments.fashion_mnist train     what is missing, one run after another
python -m experiments.fashion_mnist plan      what is there and what is missing
python -m experiments.fashion_mnist report    tables and charts, from the CSV alone

Stop it at any time and start it again: a run continues where it was. Several processes may work
side by side. Each finished run is one row of ``experiments/results/fashion_mnist.csv``.
"""
