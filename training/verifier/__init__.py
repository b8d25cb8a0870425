"""How the verifier is trained: pairs with planted defects, the training run, its model card."""
