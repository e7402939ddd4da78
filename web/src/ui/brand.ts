import { createContext, useContext } from 'react';

/** The operator's name for the product; undefined until the server told it. */
export const Brand = createContext<string | undefined>(undefined);

export const useBrand = () => useContext(Brand);
