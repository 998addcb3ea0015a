export * from './isns/entity.ts';
export { IsnsRegistration } from './isns/registration.ts';
export type { IsnsLink, IsnsRegistrationOptions, IsnsState } from './isns/registration.ts';
export * from './partition-listing.ts';
export * from './portal-address.ts';
export * from './send-targets.ts';
