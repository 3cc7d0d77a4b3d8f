"""What the tasks know of AWS: the template's variable part, and the page about its rights.

Nothing in here is packed. ``tasks.py`` reads a stage's settings, ``stage`` makes of them what
``serverless.yml`` takes in, ``dashboard`` the picture of the metrics, and ``page`` tells what
the finished template allows. ``remote`` talks to what is deployed.
"""
