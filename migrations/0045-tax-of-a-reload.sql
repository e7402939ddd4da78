-- The calculation behind the tax of a reload. The charge names it, and the processor then books the tax
-- and gives it back with a refund; without it the tax would be collected and reported by nobody.
-- Stored with the purchase because a repeated request must equal the first. NULL where no tax was asked
-- for, and in rows of before.
ALTER TABLE payments.purchases ADD COLUMN tax_calculation text CHECK (length(tax_calculation) <= 255);
