// CLazy.c defines functions of other libraries under their own names, so that nothing has to be declared here.
